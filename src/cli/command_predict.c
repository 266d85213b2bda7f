#include "base/memory.h"
#include "cli/options.h"
#include "cli/prediction.h"
#include "driver/probe_file.h"
#include "driver/results_view.h"
#include "kernel/numerics.h"
#include "model/model.h"
#include "spec/batch_workspace.h"
#include "spec/buffer_sizes.h"
#include "sweep/sweep.h"
#include "task/generator.h"
#include "task/task.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct options {
    const char *results, *run, *pairs;
    enum table_format format;
};

static const struct option option_table[] = {
    {0, "run", "RUN",
     "the run's id, the beginning of the id, conditions that select one run, such as unknowns=15,seed=1, or "
     "best: the run with the smallest seed of the best setting; best,unknowns=50 where there are several "
     "cases",
     option_text, offsetof(struct options, run)},
    {0, "pairs", "PAIRS.csv",
     "a line of names x1,..,xd,y, then one line per pair; deep-sets takes any number of pairs, a flat model "
     "as "
     "many as in training",
     option_text, offsetof(struct options, pairs)},
    {0, "format", "table|csv|json", "output format (table)", option_format, offsetof(struct options, format)},
    {0}};

const struct usage predict_usage = {
    .name = "predict",
    .summary = "infer weights from your own pairs",
    .synopsis = "weightsweep predict RESULTS.h5 --run RUN --pairs PAIRS.csv [--format table|csv|json]",
    .description =
        "Infers the weights of a network from pairs of its inputs and outputs, with the model of a "
        "finished run.",
    .options = option_table,
    .notes =
        "Prints the weights layer by layer, R^2 on the pairs of a network with these weights, and the "
        "residuals. The order of the units of a hidden layer is arbitrary: it does not change the outputs.",
    .example = "weightsweep predict quick.h5 --run a18076a9b12a --pairs analysis/examples/pairs.csv",
    .file = "results file",
    .file_target = offsetof(struct options, results)};

// ---- the run and its model ----

static enum status check_task(const struct run_spec *run)
{
    if (!task_reads_pairs(&run->task))
        FAIL(STATUS_USAGE,
             "predict: the task of run %s is mlp-forward, which predicts y and no weights; expected a run of "
             "mlp-inverse or linear-inverse",
             run->id);
    return STATUS_OK;
}

static enum status check_tensors(const struct store_view *view, const struct run_spec *run,
                                 const struct store_parameters *parameters)
{
    struct tensor_table table;
    model_tensors(&run->model, &table);
    bool same = parameters->count == table.parameters && parameters->model.tensors == table.count;
    for (int i = 0; same && i < table.count; i++) {
        const struct tensor *ours = &table.tensors[i];
        const struct store_tensor *theirs = &parameters->model.tensor[i];
        same = strcmp(ours->name, theirs->name) == 0 && ours->rows == theirs->shape[0] &&
               (ours->columns ? ours->columns : 1) == theirs->shape[1];
    }
    if (!same)
        FAIL(STATUS_RESULTS,
             "%s: the tensors of run %s do not match its settings; check the file with `weightsweep verify`",
             view->path, run->id);
    return STATUS_OK;
}

// ---- the pairs ----

static enum status check_count(const struct run_spec *run, const struct pairs *pairs, const char *path)
{
    if (!model_reads_sets(&run->model) && pairs->count != run->task.equations)
        FAIL(STATUS_USAGE, "%s: %d pair%s; the model of run %s takes exactly %d", path, pairs->count,
             pairs->count == 1 ? "" : "s", run->id, run->task.equations);
    return STATUS_OK;
}

enum {
    MAX_RATIO = 2, // a note is printed for larger ratios to the training data
    SAMPLE = 256   // sets of training data to compare with
};

static double root_mean_square(const float *values, int count, int stride)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += (double)values[i * stride] * (double)values[i * stride];
    return sqrt(sum / count);
}

static void note_count(const struct run_spec *run, int count, FILE *err)
{
    const struct widths *range = &run->task.equation_range;
    int min = range->count ? range->width[0] : run->task.equations, max = task_max_equations(&run->task);
    if (count * MAX_RATIO <= min || count >= max * MAX_RATIO) {
        fprintf(err, "note: %d pair%s far from what the run was trained on, %d", count,
                count == 1 ? " is" : "s are", min);
        fprintf(err, max > min ? " to %d\n" : "\n", max);
    }
}

// Prints a note for each column whose root mean square differs from that of the run's training data.
static enum status note_magnitudes(const struct run_spec *run, const struct pairs *pairs, FILE *err)
{
    struct task *task = NULL;
    TRY(task_create(&run->task, SAMPLE, &task));
    task_fill(task, TASK_HELD_OUT, run->training.seed, 0, 0, SAMPLE);
    const float *seen = task_pairs(task);
    int width = task_pair_width(&run->task), rows = SAMPLE * task_equations(task);
    for (int k = 0; k < width; k++) {
        char name[16];
        bool is_x = k < pairs->inputs;
        double usual = root_mean_square(seen + k, rows, width);
        double here = is_x ? root_mean_square(pairs->x + k, pairs->count, pairs->inputs)
                           : root_mean_square(pairs->y + k - pairs->inputs, pairs->count, pairs->outputs);
        pairs_column_name(pairs->inputs, pairs->outputs, k, name);
        if (here > MAX_RATIO * usual * (is_x ? 1 : MAX_RATIO) || (is_x && here * MAX_RATIO < usual))
            fprintf(err,
                    "note: %s has a root mean square of %.3g, far from what the run was trained on, %.3g\n",
                    name, here, usual);
    }
    task_destroy(&task);
    return STATUS_OK;
}

// ---- inference and fit ----

// Predicts weights [unknowns] from the pairs.
static enum status infer(const struct run_spec *run, const float *parameters, const struct pairs *pairs,
                         float *weights)
{
    struct model_spec description = run->model;
    int width = pairs->inputs + pairs->outputs;
    struct model *model = NULL;
    float *set = NULL; // [count, width], input of the model
    enum status status = STATUS_OK;
    description.pairs = pairs->count;
    TRY_DONE(model_create(&description, 1, 1, &model));
    TRY_DONE(memory_alloc((size_t)pairs->count * (size_t)width * sizeof *set, (void **)&set));
    for (int p = 0; p < pairs->count; p++) {
        memcpy(set + (size_t)p * (size_t)width, pairs->x + (size_t)p * (size_t)pairs->inputs,
               (size_t)pairs->inputs * sizeof *set);
        memcpy(set + (size_t)p * (size_t)width + pairs->inputs, pairs->y + (size_t)p * (size_t)pairs->outputs,
               (size_t)pairs->outputs * sizeof *set);
    }
    model_set_parameters(model, parameters);
    model_forward(model, 1, set, weights);
done:
    memory_free((void **)&set);
    model_destroy(&model);
    return status;
}

// Copies values [count] to lane 0 of lanes [count, LANES], the layout of generator_apply, which computes
// LANES generators at once. NULL: all zero.
static enum status spread(const float *values, size_t count, float **lanes)
{
    TRY(memory_alloc(count * LANES * sizeof **lanes, (void **)lanes));
    for (size_t k = 0; values && k < count; k++)
        (*lanes)[k * LANES] = values[k];
    return STATUS_OK;
}

// Applies a generator with these weights to the pairs' x: y [count, outputs].
static enum status apply(const struct generator_shape *shape, const float *weights, const struct pairs *pairs,
                         float *y)
{
    enum status status = STATUS_OK;
    float *w = NULL, *x = NULL, *out = NULL, *scratch = NULL;
    size_t outputs = (size_t)pairs->count * (size_t)pairs->outputs;
    TRY_DONE(spread(weights, (size_t)generator_unknowns(shape), &w));
    TRY_DONE(spread(pairs->x, (size_t)pairs->count * (size_t)pairs->inputs, &x));
    TRY_DONE(spread(NULL, outputs, &out));
    TRY_DONE(spread(NULL, (size_t)generator_scratch(shape), &scratch));
    generator_apply(shape, w, x, pairs->count, LANES, scratch, out);
    for (size_t k = 0; k < outputs; k++)
        y[k] = out[k * LANES];
done:
    memory_free((void **)&scratch);
    memory_free((void **)&out);
    memory_free((void **)&x);
    memory_free((void **)&w);
    return status;
}

// Computes r2 and rms. The variance is about the mean of each output. Deviations are taken from the first
// pair's y first, so that they are exactly 0 if all y are equal.
static void compute_fit(struct prediction *prediction)
{
    const struct pairs *pairs = prediction->pairs;
    double error = 0, variance = 0;
    for (int k = 0; k < pairs->outputs; k++) {
        double mean = 0, first = (double)pairs->y[k];
        for (int p = 0; p < pairs->count; p++)
            mean += ((double)pairs->y[p * pairs->outputs + k] - first) / pairs->count;
        for (int p = 0; p < pairs->count; p++) {
            int at = p * pairs->outputs + k;
            double residual = (double)pairs->y[at] - (double)prediction->y[at],
                   deviation = (double)pairs->y[at] - first - mean;
            error += residual * residual;
            variance += deviation * deviation;
        }
    }
    prediction->r2 = NAN;
    if (!isfinite(error))
        prediction->undefined = "the outputs of these weights are not finite";
    else if (variance > 0)
        prediction->r2 = 1 - error / variance;
    else
        prediction->undefined = pairs->count == 1 ? "there is one pair" : "the pairs' y are all the same";
    prediction->rms = sqrt(error / ((double)pairs->count * pairs->outputs));
}

// ---- the subcommand ----

static enum status predict(const struct command *command, const struct options *options,
                           const struct store_view *view, const struct sweep *sweep)
{
    enum status status = STATUS_OK;
    struct run_spec found, *spec = &found;
    struct store_parameters *parameters = NULL;
    struct pairs pairs = {0};
    struct prediction prediction = {.file = options->pairs, .pairs = &pairs};
    int64_t run;
    TRY_DONE(results_view_find_run(view, "--run", options->run, &run));
    TRY_DONE(results_view_spec(view, sweep, run, spec));
    TRY_DONE(check_task(spec));
    TRY_DONE(results_view_model(view, run, &parameters));
    TRY_DONE(check_tensors(view, spec, parameters));
    const struct generator_shape *shape = &spec->task.generator;
    TRY_DONE(pairs_read(options->pairs, shape->inputs, shape->outputs, &pairs));
    TRY_DONE(check_count(spec, &pairs, options->pairs));
    note_count(spec, pairs.count, command->err);
    TRY_DONE(note_magnitudes(spec, &pairs, command->err));

    const struct column *r2 = column_find(&view->columns, "r2");
    prediction.run = spec;
    prediction.run_r2 = r2 ? r2->reals[run] : NAN;
    prediction.weights = memory_small((size_t)generator_unknowns(shape) * sizeof *prediction.weights);
    prediction.y = memory_small((size_t)pairs.count * (size_t)pairs.outputs * sizeof *prediction.y);
    TRY_DONE(infer(spec, parameters->values, &pairs, prediction.weights));
    TRY_DONE(apply(shape, prediction.weights, &pairs, prediction.y));
    compute_fit(&prediction);
    prediction_print(&prediction, options->format, command->out);
done:
    free(prediction.y);
    free(prediction.weights);
    pairs_free(&pairs);
    store_parameters_free(&parameters);
    return status;
}

enum status command_predict(const struct command *command, int argc, char **argv)
{
    struct options asked = {.format = TABLE_TEXT};
    bool help;
    struct store_view *view = NULL;
    struct sweep *sweep = NULL;
    enum status status = STATUS_OK;
    TRY(options_parse(command, &predict_usage, argc, argv, &asked, &help));
    if (help)
        return STATUS_OK;
    if (!asked.run || !asked.pairs)
        FAIL(STATUS_USAGE, "predict: expected --%s; see `weightsweep predict --help`",
             asked.run ? "pairs PAIRS.csv" : "run RUN");
    TRY(probe_file_open(asked.results, PROBE_ALL, &view));
    TRY_DONE(numerics_setup());
    TRY_DONE(results_view_sweep(view, &sweep));
    TRY_DONE(predict(command, &asked, view, sweep));
done:
    sweep_destroy(&sweep);
    store_view_close(&view);
    return status;
}
