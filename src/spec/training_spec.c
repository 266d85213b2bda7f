#include "spec/training_spec.h"

#include "spec/batch_workspace.h"
#include "spec/run_spec.h"

// A checkpoint: parameters, two moments, and a few scalars (steps, loss, times).
enum { STATE_SCALARS_BYTES = 64 };

double training_optimizer_flops(enum optimizer_kind optimizer, const struct tensor_table *table)
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

size_t training_state_bytes(const struct tensor_table *table)
{
    return 3 * table->parameters * sizeof(float) + STATE_SCALARS_BYTES;
}

// While shards are summed in pairs, one gradient per level of the tree and the newest one are alive.
int training_gradients(int shards)
{
    int count = 1;
    for (; shards > 1; shards /= 2)
        count++;
    return count;
}

// Bytes of workspace and batch of `shards` shards.
static size_t batch_bytes(const struct run_spec *run, int shards)
{
    int sets = run->training.batch / run->training.shards;
    return model_workspace_bytes(&run->model, sets, shards) +
           batch_workspace_bytes(&run->task, sets * shards);
}

// Max bytes of workspace and batch of the shards that go through the model together, measured between 100 KB
// and 16 MiB. A flat model's activations must stay in the L2 cache until the backward pass; deep-sets only
// read the weights after pooling once for all of these shards.
enum { BYTES_TOGETHER_FLAT = 3 << 18, BYTES_TOGETHER_SETS = 9 << 19 }; // 768 KiB, 4.5 MiB

int training_shards_together(const struct run_spec *run, int shards)
{
    if (shards == 1 || !model_batches_shards(&run->model))
        return 1;
    int together = 1;
    size_t each = batch_bytes(run, 2) - batch_bytes(run, 1);
    size_t max = model_reads_sets(&run->model) ? BYTES_TOGETHER_SETS : BYTES_TOGETHER_FLAT;
    while (2 * together <= shards && 2 * (size_t)together * each <= max)
        together *= 2;
    return together;
}

size_t training_memory_bytes(const struct run_spec *run)
{
    const struct training *training = &run->training;
    const struct model_spec *model = &run->model;
    struct tensor_table table;
    model_tensors(model, &table);
    int sets = training->batch / training->shards;
    size_t state = 3 * table.parameters; // and two moments
    size_t gradients = ((size_t)training_gradients(training->shards) + 1) *
                       model_gradient_elements(model); // and the exchange buffer
    int together = training_shards_together(run, training->shards);
    size_t outputs = 2 * (size_t)(together * sets) * (size_t)model->outputs; // and their gradient
    size_t work = training_optimizer_floats(training->optimizer, model->precision, &table);
    return (state + gradients + outputs + work) * sizeof(float) + batch_bytes(run, together) +
           (size_t)training->evaluation_generators * 3 * sizeof(double);
}

// In fp32 the operands are the elements themselves.
size_t training_muon_operand_floats(size_t count, enum precision precision)
{
    return precision == PRECISION_FP32 ? 0 : (count + 31) / 32 * 16;
}

size_t training_optimizer_floats(enum optimizer_kind optimizer, enum precision precision,
                                 const struct tensor_table *table)
{
    size_t largest = 0;
    for (int i = 0; optimizer == OPTIMIZER_MUON && i < table->count; i++) {
        const struct tensor *tensor = &table->tensors[i];
        size_t side = (size_t)(tensor->rows < tensor->columns ? tensor->rows : tensor->columns);
        size_t square = side * side, size = tensor_size(tensor);
        size_t floats = 2 * (size + square) + training_muon_operand_floats(size, precision) +
                        training_muon_operand_floats(square, precision);
        if (tensor->hidden_matrix && floats > largest)
            largest = floats;
    }
    return largest;
}

int64_t training_points(const struct training *training)
{
    return (training->steps + training->evaluate_every - 1) / training->evaluate_every;
}
