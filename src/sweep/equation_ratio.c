#include "sweep/equation_ratio.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

// Returns the digits of the shortest decimal that reads back to `ratio`: ratio = digits * 10^-decimals.
static uint64_t decimal_digits(double ratio, int *decimals)
{
    struct text text = {0};
    text_add_real(&text, ratio, "0");
    uint64_t digits = 0;
    bool after_point = false;
    const char *c = text.chars;
    *decimals = 0;
    for (; *c && *c != 'e'; c++) {
        if (*c == '.') {
            after_point = true;
            continue;
        }
        digits = 10 * digits + (uint64_t)(*c - '0');
        *decimals += after_point;
    }
    if (*c == 'e')
        *decimals -= atoi(c + 1);
    text_free(&text);
    return digits;
}

int64_t equation_ratio_count(double ratio, int unknowns)
{
    enum { MAX_DECIMALS = 30 }; // with more decimals the number of equations is 0 for any number of unknowns
    int decimals;
    unsigned __int128 product = (unsigned __int128)decimal_digits(ratio, &decimals) * (unsigned)unknowns;
    if (decimals > MAX_DECIMALS)
        return 0;
    for (; decimals < 0; decimals++)
        product *= 10;
    unsigned __int128 one = 1;
    for (; decimals > 0; decimals--)
        one *= 10;
    return (int64_t)((2 * product + one) / (2 * one));
}

void equation_ratio_print_min(int unknowns, struct text *text)
{
    double min = 0.5 / unknowns, digit = pow(10, floor(log10(min)) - 2);
    for (double digits = floor(min / digit);; digits++) {
        text->length = 0;
        text_format(text, "%.3g", digits * digit);
        if (equation_ratio_count(strtod(text->chars, NULL), unknowns) >= 1)
            return;
    }
}
