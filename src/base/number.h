/* Numbers in decimal, as YAML, CSV and command lines write them. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Reads all of `text` as digits with an optional sign, point and exponent. Returns false for anything else:
 * hexadecimal digits, nan, inf, blanks. A number beyond the range of a double becomes infinite. */
bool number_real(const char *text, double *value);

/* The same for an integer, which may have an exponent (1e5, 1.5e3) but no point without one. One beyond the
 * range of int64 becomes INT64_MAX or INT64_MIN. */
bool number_integer(const char *text, int64_t *value);

#endif
