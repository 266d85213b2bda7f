#include "train/description.h"

// A checkpoint: parameters, two moments, and a few scalars (steps, loss, times).
enum { STATE_SCALARS_BYTES = 64 };

double optimizer_flops(enum optimizer_kind optimizer, const struct tensor_table *table)
{
    if (optimizer != OPTIMIZER_MUON)
        return 0;
    double flops = 0;
    for (int i = 0; i < table->count; i++) {
        const struct tensor *tensor = &table->tensors[i];
        if (!tensor->hidden_matrix)
            continue;
        double r = tensor->rows < tensor->columns ? tensor->rows : tensor->columns;
        double c = tensor->rows < tensor->columns ? tensor->columns : tensor->rows;
        flops += 5 * 2 * (r * r * c + r * r * r + r * r * c); // A = u u^T, A^2, (bA + cA^2) u
    }
    return flops;
}

size_t train_state_bytes(const struct tensor_table *table)
{
    return 3 * table->parameters * sizeof(float) + STATE_SCALARS_BYTES;
}

int64_t train_points(const struct training *training)
{
    return (training->steps + training->evaluate_every - 1) / training->evaluate_every;
}
