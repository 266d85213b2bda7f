#include "train/optimizer.h"

#include "base/memory.h"
#include "kernel/lanes.h"
#include "train/muon.h"

#include <math.h>
#include <stdlib.h>

struct optimizer {
    enum optimizer_kind kind;
    enum precision precision;
    const struct tensor_table *table;
    float *work; // of muon, for its largest matrix
};

enum status optimizer_create(enum optimizer_kind kind, enum precision precision, const struct tensor_table *table,
                             struct optimizer **out)
{
    struct optimizer *optimizer = memory_small(sizeof *optimizer);
    *optimizer = (struct optimizer){.kind = kind, .precision = precision, .table = table};
    *out = optimizer;
    if (kind != OPTIMIZER_MUON)
        return STATUS_OK;
    size_t largest = 0;
    for (int i = 0; i < table->count; i++)
        if (table->tensors[i].hidden_matrix && muon_work(&table->tensors[i], precision) > largest)
            largest = muon_work(&table->tensors[i], precision);
    enum status status = memory_alloc(largest * sizeof(float), (void **)&optimizer->work);
    if (status != STATUS_OK)
        optimizer_destroy(out);
    return status;
}

void optimizer_destroy(struct optimizer **optimizer)
{
    if (!*optimizer)
        return;
    memory_free((void **)&(*optimizer)->work);
    free(*optimizer);
    *optimizer = NULL;
}

static const double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;

CLONES
static void adam(float *restrict p, const float *restrict g, float *restrict m, float *restrict v, size_t count, float rate,
                 float root_correction)
{
    const float keep = (float)beta2, first = (float)(1 - beta1), second = (float)(1 - beta2), eps = (float)epsilon;
    for (size_t i = 0; i < count; i++) {
        m[i] += first * (g[i] - m[i]);
        v[i] = keep * v[i] + second * (g[i] * g[i]);
        p[i] -= rate * (m[i] / (sqrtf(v[i]) / root_correction + eps));
    }
}

void optimizer_step(struct optimizer *optimizer, int64_t step, double rate, float *parameters, const float *gradient,
                    float *first, float *second)
{
    double corrected = rate / (1 - pow(beta1, (double)step + 1));
    double root_correction = sqrt(1 - pow(beta2, (double)step + 1));
    for (int i = 0; i < optimizer->table->count; i++) {
        const struct tensor *tensor = &optimizer->table->tensors[i];
        size_t at = tensor->offset;
        if (optimizer->kind == OPTIMIZER_MUON && tensor->hidden_matrix)
            muon_step(tensor, optimizer->precision, rate, parameters + at, gradient + at, first + at, optimizer->work);
        else
            adam(parameters + at, gradient + at, first + at, second + at, tensor_size(tensor), (float)corrected,
                 (float)root_correction);
    }
}
