/* Decimal numbers of YAML, CSV and command lines; the order of integers. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Converts the whole `text`: digits with an optional sign, point and exponent. Returns false for other text,
 * such as hexadecimal digits, nan, inf or blanks. A number outside the range of double becomes infinite. */
bool number_real(const char *text, double *value);

/* Converts the whole `text` to an integer. An exponent is allowed (1e5, 1.5e3), a point only with an
 * exponent. A number outside the range of int64 becomes INT64_MAX or INT64_MIN. */
bool number_integer(const char *text, int64_t *value);

/* Compare two int, or two int64_t, for qsort, in ascending order. */
int number_by_int(const void *a, const void *b);
int number_by_int64(const void *a, const void *b);

#endif
