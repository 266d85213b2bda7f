/* A model with parameters, pairs and gradients, for tests that compare it with the reference in double. */
#ifndef TESTS_MODEL_FIXTURE_H
#define TESTS_MODEL_FIXTURE_H

#include "model/model.h"

struct model_fixture {
    struct model_spec spec;
    int shards, sets; // sets of all shards
    struct model *model;
    size_t parameters, outputs, elements; // lengths of p, output, pairs
    size_t gradient_elements;             // per shard
    float *p, *pairs, *output, *output_gradient;
    float *gradient;              // [shards, gradient_elements]
    double *p_wide, *output_wide; // parameters and outputs of the reference
};

/* Creates a model for `shards` shards of `sets` sets and fills the arrays. The seeds of the random numbers
 * are fixed. */
void model_fixture_init(struct model_fixture *f, const struct model_spec *spec, int sets, int shards);
void model_fixture_free(struct model_fixture *f);

/* Fills the pairs with other random numbers. */
void model_fixture_fill_pairs(struct model_fixture *f, int64_t seed);

/* Backward pass from output_gradient. Expands the gradient of attention's merged weights. */
void model_fixture_backward(struct model_fixture *f);

/* Forward and backward pass. */
void model_fixture_run(struct model_fixture *f);

typedef double model_fixture_loss(struct model_fixture *f, const void *context);

/* A loss whose gradient at the output is output_gradient. The loss is about zero, so that differences keep
 * their digits. Computes output_wide. */
double model_fixture_linear_loss(struct model_fixture *f, const void *context);

/* Compares elements of the gradient with central differences: elements spread over each tensor, from tensor
 * `first` to the last. */
void model_fixture_check_gradient(struct model_fixture *f, int first, model_fixture_loss *loss,
                                  const void *context, double threshold);

/* Compares fp32 values. */
void model_fixture_expect_near(const float *got, const float *want, size_t count, double threshold);

#endif
