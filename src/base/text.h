/* A string that is built by appending: for messages, CSV, JSON and YAML. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *chars; // terminated by '\0'; NULL while empty
    size_t length;
    size_t capacity;
};

void text_free(struct text *text);
void text_add(struct text *text, const char *chars);
void text_add_bytes(struct text *text, const char *bytes, size_t length);
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Returns the characters, "" if there are none, and empties the text; the caller frees them with free(). */
char *text_take(struct text *text);

/* "" for a count of 1, else "s". */
const char *text_plural(int64_t count);

/* Whether `word` is in `list`, which ends with NULL. */
bool text_is_one_of(const char *word, const char *const *list);

/* Appends `value` in decimal; faster than text_format, for tables with millions of values. */
void text_add_int(struct text *text, int64_t value);

/* Appends a duration: m:ss, h:mm:ss, or days and hours. */
void text_add_duration(struct text *text, double seconds);

/* Appends `chars` for a terminal: foreign text must not move the cursor or begin a line. Control characters
 * and bytes that are not UTF-8 become escapes such as \n, \t or \x1b. */
void text_add_visible(struct text *text, const char *chars);

/* Appends `chars` as text_add_visible does, but keeps newlines. */
void text_add_visible_lines(struct text *text, const char *chars);

/* Appends `length` bytes; bytes that are not UTF-8 become U+FFFD, the replacement character. */
void text_add_utf8(struct text *text, const char *bytes, size_t length);

/* Appends `chars` as a quoted JSON string; bytes that are not UTF-8 become U+FFFD. */
void text_add_json(struct text *text, const char *chars);

/* Appends the shortest decimal form that converts back to `value`; NaN and infinities become `nan`. */
void text_add_real(struct text *text, double value, const char *nan);

#endif
