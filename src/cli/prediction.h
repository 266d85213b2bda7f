/* Result of `predict`: the inferred weights of each set, and their fit to the pairs. */
#ifndef CLI_PREDICTION_H
#define CLI_PREDICTION_H

#include "cli/pairs_file.h"
#include "cli/table.h"
#include "spec/run_spec.h"
#include "task/fit_errors.h"

#include <math.h>

/* Weights, and how well they fit the pairs of a set. */
struct weights_fit {
    float *weights;        // [unknowns], layer by layer, each [fan_in, fan_out]
    float *y;              // [pairs, outputs], outputs of a generator with these weights
    double r2;             // R^2 of y; NaN: undefined
    double rms;            // root mean square of the residuals pairs->y - y
    const char *undefined; // reason why r2 is undefined, or NULL
};

struct prediction {
    const struct pairs *pairs;
    struct weights_fit fit;    // the result
    struct weights_fit before; // refined: the model's prediction
    double sigma;              // refined: standard deviation of the noise; NaN: not determined
    double min_noise;          // refined: sigma is the smallest used, this part of y's deviation; or 0
    bool has_curvature;        // refined: `errors` is known: the curvature is positive definite
    bool has_errors;           // and so is sigma
    struct fit_errors errors;
    double residual_ratio;  // refined: rms of the residuals / that expected from sigma; NaN: not known
    bool from_random_start; // refined: the weights come from a random start
    bool poor_fit;          // refined: residual_ratio is larger than noise explains
};

struct predictions {
    const char *file; // path of the pairs file
    const struct run_spec *run;
    double run_r2;                 // the run's R^2 on held-out generators; NaN: unknown
    int refine;                    // iterations of Levenberg-Marquardt on the pairs
    int starts;                    // random starts of the refinement, besides the predictions
    double noise;                  // noise on y that the user states; NaN: estimated
    bool names_sets;               // the file has a column `set`
    int count;                     // number of sets
    struct prediction *prediction; // [count]
    double seconds;                // of inference and refinement
};

/* Prints weights, fit, predicted y and residuals; of several sets in text only a table. */
void prediction_print(const struct predictions *predictions, enum table_format format, FILE *out);
void prediction_print_csv(const struct predictions *predictions, FILE *out);
void prediction_print_json(const struct predictions *predictions, FILE *out);

/* Layers of a generator, inputs and outputs of one of them. */
static inline int prediction_layers_of(const struct generator_shape *shape)
{
    return shape->hidden.count + 1;
}

static inline int prediction_fan_in(const struct generator_shape *shape, int layer)
{
    return layer == 0 ? shape->inputs : shape->hidden.width[layer - 1];
}

static inline int prediction_fan_out(const struct generator_shape *shape, int layer)
{
    return layer < shape->hidden.count ? shape->hidden.width[layer] : shape->outputs;
}

/* Given y minus predicted y, number k of [pairs, outputs]. */
static inline double prediction_residual(const struct prediction *prediction, int k)
{
    return (double)prediction->pairs->y[k] - (double)prediction->fit.y[k];
}

/* Directions that the prior determines; NaN: not known. */
static inline double prediction_directions(const struct prediction *prediction)
{
    return prediction->has_curvature ? prediction->errors.prior_directions : NAN;
}

static inline int prediction_unknowns_of(const struct predictions *predictions)
{
    return generator_unknowns(&predictions->run->task.generator);
}

#endif
