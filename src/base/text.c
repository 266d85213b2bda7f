#include "base/text.h"

#include "base/memory.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void reserve(struct text *text, size_t length)
{
    if (text->length + length + 1 <= text->capacity)
        return;
    size_t capacity = 2 * (text->length + length + 1);
    text->chars = memory_grow(text->chars, capacity);
    text->capacity = capacity;
}

void text_free(struct text *text)
{
    free(text->chars);
    *text = (struct text){0};
}

void text_add_bytes(struct text *text, const char *bytes, size_t length)
{
    reserve(text, length);
    memcpy(text->chars + text->length, bytes, length);
    text->length += length;
    text->chars[text->length] = '\0';
}

void text_add(struct text *text, const char *chars)
{
    text_add_bytes(text, chars, strlen(chars));
}

void text_format(struct text *text, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    reserve(text, 0);
    size_t available = text->capacity - text->length;
    int length = vsnprintf(text->chars + text->length, available, format, args);
    va_end(args);
    if (length >= 0 && (size_t)length >= available) {
        reserve(text, (size_t)length);
        vsnprintf(text->chars + text->length, (size_t)length + 1, format, again);
    }
    va_end(again);
    text->length += length > 0 ? (size_t)length : 0;
    text->chars[text->length] = '\0';
}

char *text_take(struct text *text)
{
    char *chars = text->chars ? text->chars : memory_text("");
    *text = (struct text){0};
    return chars;
}

const char *text_plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

bool text_is_one_of(const char *word, const char *const *list)
{
    while (*list && strcmp(word, *list) != 0)
        list++;
    return *list != NULL;
}

// Length in bytes of the UTF-8 character at c; 0 if there is none (RFC 3629: no overlong form, no surrogate,
// at most U+10FFFF).
static int utf8_bytes(const unsigned char *c)
{
    int bytes = *c < 0x80 ? 1 : *c < 0xc2 ? 0 : *c < 0xe0 ? 2 : *c < 0xf0 ? 3 : *c < 0xf5 ? 4 : 0;
    for (int i = 1; i < bytes; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    bool invalid = (*c == 0xe0 && c[1] < 0xa0) || (*c == 0xed && c[1] >= 0xa0) ||
                   (*c == 0xf0 && c[1] < 0x90) || (*c == 0xf4 && c[1] >= 0x90);
    return invalid ? 0 : bytes;
}

// Length in bytes of the visible UTF-8 character at c; 0 for a control character or invalid bytes.
static int visible_bytes(const unsigned char *c)
{
    bool control = *c < 0x20 || *c == 0x7f || (*c == 0xc2 && c[1] < 0xa0);
    return control ? 0 : utf8_bytes(c);
}

// Appends `chars` with escapes; the character `keep` is appended as it is.
static void add_visible(struct text *text, const char *chars, char keep)
{
    for (const char *c = chars; *c;) {
        int bytes = *c == keep ? 1 : visible_bytes((const unsigned char *)c);
        if (bytes > 0)
            text_add_bytes(text, c, (size_t)bytes);
        else if (*c == '\n' || *c == '\t')
            text_add(text, *c == '\n' ? "\\n" : "\\t");
        else
            text_format(text, "\\x%02x", (unsigned char)*c);
        c += bytes > 0 ? bytes : 1;
    }
}

void text_add_visible(struct text *text, const char *chars)
{
    add_visible(text, chars, '\0');
}

void text_add_visible_lines(struct text *text, const char *chars)
{
    add_visible(text, chars, '\n');
}

void text_add_utf8(struct text *text, const char *bytes, size_t length)
{
    for (const char *c = bytes, *end = bytes + length; c < end;) {
        int count = utf8_bytes((const unsigned char *)c);
        if (count > 0)
            text_add_bytes(text, c, (size_t)count);
        else
            text_add(text, "\xef\xbf\xbd");
        c += count > 0 ? count : 1;
    }
}

void text_add_json(struct text *text, const char *chars)
{
    text_add(text, "\"");
    while (*chars) {
        size_t plain = 0;
        while ((unsigned char)chars[plain] >= 0x20 && chars[plain] != '"' && chars[plain] != '\\')
            plain++;
        text_add_utf8(text, chars, plain);
        chars += plain;
        if (*chars == '"' || *chars == '\\')
            text_format(text, "\\%c", *chars++);
        else if (*chars)
            text_format(text, "\\u%04x", *chars++);
    }
    text_add(text, "\"");
}

void text_add_int(struct text *text, int64_t value)
{
    char digits[24];
    char *first = digits + sizeof digits;
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        *--first = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude > 0);
    if (value < 0)
        *--first = '-';
    text_add_bytes(text, first, (size_t)(digits + sizeof digits - first));
}

void text_add_real(struct text *text, double value, const char *nan)
{
    if (!isfinite(value)) {
        text_add(text, nan);
        return;
    }
    char digits[32];
    for (int precision = 6; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value)
            break;
    }
    text_add(text, digits);
}

void text_add_duration(struct text *text, double seconds)
{
    long s = lround(seconds);
    if (s >= 86400)
        text_format(text, "%ld d %ld h", s / 86400, s / 3600 % 24);
    else if (s >= 3600)
        text_format(text, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        text_format(text, "%ld:%02ld", s / 60, s % 60);
}
