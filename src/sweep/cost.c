#include "sweep/run_spec.h"

struct run_cost run_cost(const struct run_spec *run)
{
    struct tensor_table table;
    model_tensors(&run->model, &table);
    const struct training *training = &run->training;
    double evaluations = (double)train_points(training);
    struct run_cost cost = {
        .parameters = (int64_t)table.parameters,
        .flops_per_step =
            training->batch * model_step_flops(&run->model) + optimizer_flops(training->optimizer, &table),
        .model_bytes = (int64_t)(table.parameters * sizeof(float)),
        .checkpoint_bytes = 2 * (int64_t)train_state_bytes(&table),
        .memory_bytes = (int64_t)train_memory_bytes(training, &run->model, &run->task),
    };
    cost.flops = (double)training->steps * cost.flops_per_step +
                 evaluations * training->evaluation_generators * model_forward_flops(&run->model);
    return cost;
}
