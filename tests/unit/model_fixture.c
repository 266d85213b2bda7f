#include "model_fixture.h"

#include "base/memory.h"
#include "reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const double difference_step = 1e-7; // in double; so small that hardly a ReLU changes sides
enum { SAMPLES = 6 };                       // elements of each tensor that are differentiated

// The pairs of a set lie around a centre of its own: else all sets would have about the same embedding, and
// all would be near the kinks of the same ReLUs.
void model_fixture_fill_pairs(struct model_fixture *f, int64_t seed)
{
    int width = f->spec.pair_width;
    float *centre = reference_floats((size_t)(f->sets * width));
    reference_fill(centre, (size_t)(f->sets * width), seed + 100);
    reference_fill(f->pairs, f->elements, seed);
    for (int set = 0; set < f->sets; set++)
        for (int i = 0; i < f->spec.pairs * width; i++)
            f->pairs[set * f->spec.pairs * width + i] += centre[set * width + i % width];
    memory_free((void **)&centre);
}

// With PyTorch's initial values all scores are about equal, and their gradient does not stand out from
// rounding.
static void sharpen_queries(struct model_fixture *f)
{
    static const char *const names[] = {"pooling.query", "pooling.key.weight"};
    for (int t = 0; t < 2 && f->spec.pooling == POOLING_ATTENTION; t++) {
        const struct tensor *tensor = reference_tensor(model_table(f->model), names[t]);
        for (size_t i = 0; i < tensor_size(tensor); i++)
            f->p[tensor->offset + i] *= 8;
    }
}

void model_fixture_init(struct model_fixture *f, const struct model_spec *spec, int sets, int shards)
{
    *f = (struct model_fixture){.spec = *spec, .shards = shards, .sets = sets * shards};
    assert_int_equal(model_create(spec, sets, shards, &f->model), STATUS_OK);
    f->parameters = model_table(f->model)->parameters;
    f->outputs = (size_t)(f->sets * spec->outputs);
    f->elements = (size_t)(f->sets * spec->pairs * spec->pair_width);
    f->gradient_elements = model_gradient_elements(spec);
    f->p = reference_floats(f->parameters);
    f->gradient = reference_floats((size_t)shards * f->gradient_elements);
    f->pairs = reference_floats(f->elements);
    f->output = reference_floats(f->outputs);
    f->output_gradient = reference_floats(f->outputs);
    f->p_wide = memory_small(f->parameters * sizeof(double));
    f->output_wide = memory_small(f->outputs * sizeof(double));
    model_initialise(f->model, 5, f->p);
    model_fixture_fill_pairs(f, 6);
    sharpen_queries(f);
    reference_fill(f->output_gradient, f->outputs, 7);
    for (size_t i = 0; i < f->outputs; i++) // of one sign: sets add up and drown the ReLUs that bf16 turns
        f->output_gradient[i] = fabsf(f->output_gradient[i]);
    for (size_t i = 0; i < f->parameters; i++)
        f->p_wide[i] = (double)f->p[i];
    model_set_parameters(f->model, f->p);
}

void model_fixture_free(struct model_fixture *f)
{
    model_destroy(&f->model);
    for (float **array = (float *[]){f->p, f->pairs, f->output, f->output_gradient, f->gradient, NULL};
         *array; array++)
        memory_free((void **)array);
    free(f->p_wide);
    free(f->output_wide);
}

static float *gradient_of(void *context, int shard)
{
    struct model_fixture *f = context;
    return f->gradient + (size_t)shard * f->gradient_elements;
}

static void gradient_finished(void *context, int shard, size_t begin, size_t count)
{
    (void)shard;
    assert_true(begin + count <= ((struct model_fixture *)context)->gradient_elements);
}

void model_fixture_backward(struct model_fixture *f)
{
    const struct model_gradients gradients = {gradient_of, gradient_finished, f};
    model_backward(f->model, f->sets, f->pairs, f->output_gradient, &gradients);
    for (int shard = 0; shard < f->shards; shard++)
        model_expand_gradient(f->model, gradient_of(f, shard));
}

void model_fixture_run(struct model_fixture *f)
{
    model_forward(f->model, f->sets, f->pairs, f->output);
    model_fixture_backward(f);
}

double model_fixture_linear_loss(struct model_fixture *f, const void *context)
{
    (void)context;
    double loss = 0;
    reference_model(&f->spec, f->p_wide, f->sets, f->pairs, f->output_wide);
    for (size_t i = 0; i < f->outputs; i++)
        loss += (double)f->output_gradient[i] * (f->output_wide[i] - (double)f->output[i]);
    return loss;
}

static double difference(struct model_fixture *f, size_t at, model_fixture_loss *loss, const void *context)
{
    double value = f->p_wide[at];
    f->p_wide[at] = value + difference_step;
    double above = loss(f, context);
    f->p_wide[at] = value - difference_step;
    double below = loss(f, context);
    f->p_wide[at] = value;
    return (above - below) / (2 * difference_step);
}

void model_fixture_check_gradient(struct model_fixture *f, int first, model_fixture_loss *loss,
                                  const void *context, double threshold)
{
    const struct tensor_table *table = model_table(f->model);
    for (int i = first; i < table->count; i++) {
        const struct tensor *tensor = &table->tensors[i];
        float got[SAMPLES];
        double want[SAMPLES];
        for (size_t s = 0; s < SAMPLES; s++) {
            size_t at = tensor->offset + s * (tensor_size(tensor) - 1) / (SAMPLES - 1);
            got[s] = f->gradient[at];
            want[s] = difference(f, at, loss, context);
        }
        assert_close(got, want, SAMPLES, threshold);
    }
}

void model_fixture_expect_near(const float *got, const float *want, size_t count, double threshold)
{
    double *wide = memory_small(count * sizeof *wide);
    for (size_t i = 0; i < count; i++)
        wide[i] = (double)want[i];
    assert_close(got, wide, count, threshold);
    free(wide);
}
