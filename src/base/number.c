#include "base/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool number_real(const char *text, double *value)
{
    if (text[strspn(text, "+-.0123456789eE")] != '\0')
        return false;
    char *end;
    *value = strtod(text, &end);
    return end != text && *end == '\0';
}

bool number_integer(const char *text, int64_t *value)
{
    char *end;
    double real;
    if (!number_real(text, &real) || (strchr(text, '.') && !strpbrk(text, "eE")))
        return false;
    *value = strtoll(text, &end, 10); // exact above 2^53, unlike `real`
    if (*end == '\0')
        return true;
    if (real != floor(real)) // such as 1e-3; infinity equals its floor
        return false;
    *value = real >= 0x1p63 ? INT64_MAX : real < -0x1p63 ? INT64_MIN : (int64_t)real;
    return true;
}

int number_by_int(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

int number_by_int64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}
