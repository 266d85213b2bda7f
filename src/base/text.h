/* A string that grows: for messages, CSV, JSON and YAML. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct text {
    char *chars; // always ends with '\0'; NULL while nothing was added
    size_t length;
    size_t capacity;
};

void text_free(struct text *text);
void text_add(struct text *text, const char *chars);
void text_add_bytes(struct text *text, const char *bytes, size_t length);
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Hands the characters over ("" if there are none); the caller frees them with free(). */
char *text_take(struct text *text);

/* `value` in decimal: for what is printed a million times, since printf is slow. */
void text_add_int(struct text *text, int64_t value);

/* `chars` for a terminal: text from outside must not move its cursor or begin a line. Control characters
 * become \n, \t or \x1b; so do bytes that are not UTF-8. */
void text_add_visible(struct text *text, const char *chars);

/* The same, but lines stay lines. */
void text_add_visible_lines(struct text *text, const char *chars);

/* `length` bytes for a program to read: bytes that are not UTF-8 become U+FFFD, the replacement character. */
void text_add_utf8(struct text *text, const char *bytes, size_t length);

/* `chars` as a JSON string with its quotes; likewise. */
void text_add_json(struct text *text, const char *chars);

/* `value` in the shortest decimal form that reads back to the same double; NaN and infinities become `nan`.
 */
void text_add_real(struct text *text, double value, const char *nan);

#endif
