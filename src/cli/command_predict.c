#include "base/number.h"
#include "base/text.h"
#include "cli/inference.h"
#include "cli/options.h"
#include "driver/probe_file.h"
#include "driver/results_view.h"
#include "kernel/numerics.h"
#include "sweep/sweep.h"
#include "task/task.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct options {
    const char *results, *run, *pairs, *refine, *noise, *starts;
    enum table_format format;
};

enum { MAX_ITERATIONS = 65536, MAX_STARTS = 65536 };
static const double max_noise = 1000;

static const struct option option_table[] = {
    {0, "run", "RUN",
     "the run's id, the beginning of the id, conditions that select one run, such as unknowns=15,seed=1, or "
     "best: the run with the smallest seed of the best setting; best,unknowns=50 where there are several "
     "cases",
     option_text, offsetof(struct options, run)},
    {0, "pairs", "PAIRS.csv",
     "a line of names x1,..,xd,y, then one line per pair; a column `set` for several sets; deep-sets takes "
     "any number of pairs, a flat model as many as in training",
     option_text, offsetof(struct options, pairs)},
    {0, "refine", "K",
     "fit the predicted weights to the pairs by K iterations of Levenberg-Marquardt, with the distribution "
     "of the weights in training as prior (0)",
     option_text, offsetof(struct options, refine)},
    {0, "noise", "S",
     "with --refine: noise on y, in standard deviations of the y without noise (in units of 1 where all y of "
     "a set are equal, as with one pair); values below 0.001 count as 0.001; default: estimated from the "
     "residuals after K iterations, which K more iterations with this noise follow",
     option_text, offsetof(struct options, noise)},
    {0, "starts", "N",
     "with --refine: fit also from N random starts per set, K iterations each, and keep the weights with the "
     "smallest objective (0)",
     option_text, offsetof(struct options, starts)},
    {0, "format", "table|csv|json", "output format (table)", option_choice, offsetof(struct options, format)},
    {0}};

const struct usage predict_usage = {
    .name = "predict",
    .summary = "infer weights from your own pairs",
    .synopsis =
        "weightsweep predict RESULTS.h5 --run RUN --pairs PAIRS.csv [--refine K [--noise S] [--starts N]]\n"
        "                    [--format table|csv|json]",
    .description = "Infers the weights of a network from pairs of its inputs and outputs, with the model of "
                   "a finished run.",
    .options = option_table,
    .notes =
        "Prints the weights layer by layer, R^2 on the pairs of a network with these weights, and the "
        "residuals. The order of the units of a hidden layer is arbitrary: it does not change the outputs. "
        "Refined weights have standard errors. The incoming weights of relu and leaky-relu units are scaled "
        "to norm 1 and the outgoing ones by the inverse, which does not change the outputs either. A `-` "
        "is an error that is not determined, since the incoming weights of its unit are near 0. Standard "
        "errors describe only the neighbourhood of the printed weights: they are too small where several "
        "different sets of weights explain the pairs. residual_ratio divides the residuals by those that the "
        "noise explains; poor_fit marks sets where the ratio is too large for chance (4 standard "
        "deviations): a local minimum, too few iterations, more noise than --noise states, or pairs of "
        "another kind of network. Estimated noise cannot reveal a poor fit, since all residuals count as "
        "noise; --starts can. The table of several sets has one row per set: start says where the weights "
        "come from, r2_before is R^2 of the prediction before refinement, sigma the standard deviation of "
        "the noise on y, prior_directions the number of directions of the weights that the prior determines"
        " more than the pairs do. The networks have no biases, so a network with biases has no such "
        "weights. No run is trained with a constant input, so a constant column of x stands for the biases "
        "of the first layer only in the fit of --refine.",
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
             text_plural(pairs->count), run->id, run->task.equations);
    return STATUS_OK;
}

enum {
    MAX_RATIO = 2,    // a note is printed for larger ratios to the training data
    MAX_RATIO_Y = 4,  // the same for y, whose magnitude varies more between generators,
    MIN_RATIO_Y = 10, // and for 1 / ratio
    SAMPLE = 256      // sets of training data to compare with
};

static double root_mean_square(const float *values, int count, int stride)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += (double)values[i * stride] * (double)values[i * stride];
    return sqrt(sum / count);
}

// Prints a note if the numbers of pairs of one or more sets are far from that of the run's training.
static void note_counts(const struct run_spec *run, const struct pairs_file *file, FILE *err)
{
    const struct widths *range = &run->task.equation_range;
    int min = range->count ? range->width[0] : run->task.equations, max = task_max_equations(&run->task);
    const struct pairs *first = NULL;
    int unusual = 0;
    for (int i = file->sets - 1; i >= 0; i--)
        if (file->set[i].count * MAX_RATIO <= min || file->set[i].count >= max * MAX_RATIO) {
            first = &file->set[i];
            unusual++;
        }
    if (!first)
        return;
    if (file->sets > 1)
        fprintf(err, "note: %d of %d sets, beginning with set %s: ", unusual, file->sets, first->name);
    else
        fputs("note: ", err);
    fprintf(err, "%d pair%s far from what the run was trained on, %d", first->count,
            first->count == 1 ? " is" : "s are", min);
    fprintf(err, max > min ? " to %d\n" : "\n", max);
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
        if (here > usual * (is_x ? MAX_RATIO : MAX_RATIO_Y) ||
            here * (is_x ? MAX_RATIO : MIN_RATIO_Y) < usual)
            fprintf(err,
                    "note: %s has a root mean square of %.3g, far from what the run was trained on, %.3g\n",
                    name, here, usual);
    }
    task_destroy(&task);
    return STATUS_OK;
}

// ---- the subcommand ----

static enum status parse_refinement(const struct options *options, struct predictions *predictions)
{
    int64_t iterations = 0, starts = 0;
    predictions->noise = NAN;
    if (options->refine &&
        (!number_integer(options->refine, &iterations) || iterations < 0 || iterations > MAX_ITERATIONS))
        FAIL(STATUS_USAGE, "--refine %s: expected a number of iterations from 0 to %d", options->refine,
             MAX_ITERATIONS);
    predictions->refine = (int)iterations;
    if (options->starts && (!number_integer(options->starts, &starts) || starts < 0 || starts > MAX_STARTS))
        FAIL(STATUS_USAGE, "--starts %s: expected a number of random starts from 0 to %d", options->starts,
             MAX_STARTS);
    if (starts > 0 && iterations == 0)
        FAIL(STATUS_USAGE, "--starts %s: expected --refine K, the iterations per start", options->starts);
    predictions->starts = (int)starts;
    if (!options->noise)
        return STATUS_OK;
    if (!number_real(options->noise, &predictions->noise) || !(predictions->noise >= 0) ||
        predictions->noise > max_noise)
        FAIL(STATUS_USAGE, "--noise %s: expected a number from 0 to %g", options->noise, max_noise);
    if (iterations == 0)
        FAIL(STATUS_USAGE, "--noise %s: expected --refine K, which uses it", options->noise);
    return STATUS_OK;
}

static enum status check_pairs(const struct run_spec *run, const struct pairs_file *file, const char *path,
                               FILE *err)
{
    for (int i = 0; i < file->sets; i++)
        TRY(check_count(run, &file->set[i], path));
    note_counts(run, file, err);
    return note_magnitudes(run, &file->all, err);
}

static enum status predict(const struct command *command, const struct options *options,
                           const struct store_view *view, const struct sweep *sweep)
{
    enum status status = STATUS_OK;
    struct run_spec spec;
    struct store_parameters *parameters = NULL;
    struct pairs_file file = {0};
    struct predictions predictions = {.file = options->pairs, .run = &spec};
    int64_t run;
    TRY_DONE(parse_refinement(options, &predictions));
    TRY_DONE(results_view_find_run(view, "--run", options->run, &run));
    TRY_DONE(results_view_spec(view, sweep, run, &spec));
    TRY_DONE(check_task(&spec));
    TRY_DONE(results_view_model(view, run, &parameters));
    TRY_DONE(check_tensors(view, &spec, parameters));
    const struct generator_shape *shape = &spec.task.generator;
    TRY_DONE(pairs_read(options->pairs, shape->inputs, shape->outputs, &file));
    TRY_DONE(check_pairs(&spec, &file, options->pairs, command->err));

    const struct column *r2 = column_find(&view->columns, "r2");
    predictions.run_r2 = r2 ? r2->reals[run] : NAN;
    predictions.names_sets = file.names_sets;
    TRY_DONE(inference_run(parameters->values, &file, &predictions));
    prediction_print(&predictions, options->format, command->out);
done:
    inference_free(&predictions);
    pairs_free(&file);
    store_parameters_free(&parameters);
    return status;
}

enum status command_predict(const struct command *command, int argc, char **argv)
{
    struct options asked = {.format = TABLE_TEXT};
    struct store_view *view = NULL;
    struct sweep *sweep = NULL;
    enum status status = STATUS_OK;
    TRY(options_parse(command, &predict_usage, argc, argv, &asked));
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
