/* Result of `predict`: the inferred weights, and their fit to the pairs. */
#ifndef CLI_PREDICTION_H
#define CLI_PREDICTION_H

#include "cli/pairs_file.h"
#include "cli/table.h"
#include "spec/run_spec.h"

struct prediction {
    const char *file; // path of the pairs file
    const struct run_spec *run;
    double run_r2; // the run's R^2 on held-out generators; NaN: unknown
    const struct pairs *pairs;
    float *weights;        // [unknowns], layer by layer, each [fan_in, fan_out]
    float *y;              // [pairs, outputs], outputs of a generator with these weights
    double r2;             // R^2 of y; NaN: undefined
    double rms;            // root mean square of the residuals pairs->y - y; not finite if y is not
    const char *undefined; // reason why r2 is undefined, or NULL
};

/* Prints weights, fit, predicted y and residuals. */
void prediction_print(const struct prediction *prediction, enum table_format format, FILE *out);

#endif
