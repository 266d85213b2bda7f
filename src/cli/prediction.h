/* What `predict` found out, and how it is printed. */
#ifndef CLI_PREDICTION_H
#define CLI_PREDICTION_H

#include "cli/pairs_file.h"
#include "cli/table.h"
#include "spec/run_spec.h"

struct prediction {
    const char *file; // of the pairs
    const struct run_spec *run;
    double run_r2; // the run's own, on generators it has not seen; NaN: not known
    const struct pairs *pairs;
    float *weights;        // [unknowns], layer by layer, each [fan in, fan out]
    float *y;              // [pairs, outputs], of a generator with these weights
    double r2;             // of y; NaN: not defined
    double rms;            // of pairs' y - y; not finite where y is not
    const char *undefined; // why r2 is not defined, or NULL
};

void prediction_print(const struct prediction *prediction, enum table_format format, FILE *out);

#endif
