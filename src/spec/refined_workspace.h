/* Workspace of a model with refinements, beside those of its stages: features of the current prediction. */
#ifndef SPEC_REFINED_WORKSPACE_H
#define SPEC_REFINED_WORKSPACE_H

#include "spec/model_spec.h"

/* S: sets of all shards, n: pairs per set. */
struct refined_workspace {
    float *pairs;      // [S, n, pair width of the later stages]
    float *context;    // [S, 2 outputs]: current prediction, J^T r / n
    float *correction; // [S, outputs], output of a stage
    float *scratch;    // [refined_workspace_scratch]
    double *doubles;   // [refined_workspace_doubles]; none without least-squares steps
};

/* Floats of residuals_compute's scratch. */
size_t refined_workspace_scratch(const struct generator_shape *shape);

/* Doubles of least_squares_step's scratch. */
size_t refined_workspace_doubles(const struct model_spec *model);

/* Plans a workspace for at most `shards` shards of at most `sets` sets in `memory` (arena.h). Returns its
 * length in floats. */
size_t refined_workspace_plan(const struct model_spec *model, int sets, int shards, float *memory,
                              struct refined_workspace *workspace);

/* Length of that workspace in floats. */
size_t refined_workspace_floats(const struct model_spec *model, int sets, int shards);

#endif
