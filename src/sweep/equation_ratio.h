/* Number of equations from the setting equation_ratio. */
#ifndef SWEEP_EQUATION_RATIO_H
#define SWEEP_EQUATION_RATIO_H

#include "base/text.h"

#include <stdint.h>

/* Returns ratio * unknowns rounded half up, computed in decimal from the ratio as written in the file, not
 * from the nearest double. */
int64_t equation_ratio_count(double ratio, int unknowns);

/* Sets `text` to the smallest ratio of three digits that gives at least one equation. */
void equation_ratio_print_min(int unknowns, struct text *text);

#endif
