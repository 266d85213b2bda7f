#include "spec/run_spec.h"

#include "spec/extra_evaluations.h"

// Mean FLOPs per step. FLOPs are linear in the number of equations, whose distribution over equation_range is
// uniform.
static double step_flops(const struct run_spec *run)
{
    const struct widths *range = &run->task.equation_range;
    struct model_spec min = run->model, max = run->model;
    if (range->count > 0) {
        min.pairs = range->width[0];
        max.pairs = range->width[1];
    }
    return run->training.batch * (model_step_flops(&min) + model_step_flops(&max)) / 2;
}

// Extra evaluations begin after everything but the training state has been freed.
static int64_t memory_bytes(const struct run_spec *run)
{
    struct tensor_table table;
    model_tensors(&run->model, &table);
    size_t training = training_memory_bytes(run);
    size_t evaluation = training_state_bytes(&table) + extra_evaluations_memory_bytes(run);
    return (int64_t)(training > evaluation ? training : evaluation);
}

struct run_cost run_cost(const struct run_spec *run)
{
    struct tensor_table table;
    model_tensors(&run->model, &table);
    const struct training *training = &run->training;
    double evaluations = (double)training_points(training);
    struct run_cost cost = {
        .parameters = (int64_t)table.parameters,
        .flops_per_step = step_flops(run) + training_optimizer_flops(training->optimizer, &table),
        .model_bytes = (int64_t)(table.parameters * sizeof(float)),
        .checkpoint_bytes = 2 * (int64_t)training_state_bytes(&table),
        .memory_bytes = memory_bytes(run),
    };
    struct model_spec evaluated = run->model;
    evaluated.pairs = run->task.equations;
    struct extra_flops extra = extra_evaluations_flops(run);
    cost.fit_flops = extra.fits;
    cost.final_flops = extra.model + extra.fits;
    cost.flops = (double)training->steps * cost.flops_per_step +
                 evaluations * training->evaluation_generators * model_forward_flops(&evaluated) +
                 extra.model + extra.fits;
    return cost;
}

double run_flops_left(const struct run_spec *run, int64_t steps_done)
{
    double share = (double)steps_done / (double)run->training.steps;
    return run->cost.flops - share * (run->cost.flops - run->cost.final_flops);
}
