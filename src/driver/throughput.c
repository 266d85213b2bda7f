#include "driver/throughput.h"

#include "base/memory.h"
#include "driver/probe_file.h"
#include "store/store.h"
#include "sweep/settings.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const double throughput_assumed = 80e9;
// Fits of single sets, in double. Measured on an EPYC core: 10 to 32 GFLOP/s with 15 to 50 unknowns.
static const double fit_throughput = 10e9;

static void add(struct throughputs *throughputs, const struct throughput *step)
{
    if (!(step->flops > 0) || !(step->flops_per_second > 0) || !isfinite(step->flops_per_second))
        return;
    throughputs->step =
        memory_grow(throughputs->step, (size_t)(throughputs->count + 1) * sizeof *throughputs->step);
    throughputs->step[throughputs->count++] = *step;
}

void throughput_free(struct throughputs *throughputs)
{
    free(throughputs->step);
    throughputs->step = NULL;
    throughputs->count = 0;
}

// ---- bench: JSON objects, with any white space ----

enum { MAX_BENCH_BYTES = 64 << 20 };

static void text_of(const cJSON *object, const char *key, const char *fallback, char *text, size_t size)
{
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    snprintf(text, size, "%s", value ? value : fallback);
}

static double number_of(const cJSON *object, const char *key, double fallback)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(value) ? value->valuedouble : fallback;
}

static void read_bench_object(const cJSON *object, struct throughputs *throughputs)
{
    struct throughput step = {0};
    char name[32];
    text_of(object, "name", "", name, sizeof name);
    double seconds = number_of(object, "ms", NAN) / 1e3, ranks = number_of(object, "ranks", 1);
    if (strncmp(name, "step", 4) == 0) {
        text_of(object, "model", "", step.model, sizeof step.model);
        text_of(object, "pooling", "", step.pooling, sizeof step.pooling);
        text_of(object, "precision", "", step.precision, sizeof step.precision);
        text_of(object, "optimizer", "adam", step.optimizer, sizeof step.optimizer);
        step.flops_per_second = number_of(object, "gflops", NAN) * 1e9 / ranks;
        step.flops = number_of(object, "gflops", NAN) * 1e9 * seconds;
        add(throughputs, &step);
    } else if (strcmp(name, "allreduce") == 0 && ranks >= 2) {
        double sent = 0;
        for (double size = 1; size < ranks; size *= 2)
            sent += number_of(object, "bytes", NAN) / size;
        if (sent / seconds > 0)
            throughputs->network.bytes_per_second = sent / seconds;
    }
}

static int line_of(const char *text, const char *position)
{
    int line = 1;
    for (const char *c = text; c < position; c++)
        line += *c == '\n';
    return line;
}

// Reads a sequence of objects, or an array of objects.
static enum status read_bench_text(const char *text, const char *path, struct throughputs *throughputs)
{
    static const char blanks[] = " \t\r\n";
    for (const char *at = text + strspn(text, blanks); *at; at += strspn(at, blanks)) {
        const char *end = NULL;
        cJSON *value = cJSON_ParseWithOpts(at, &end, false), *object;
        if (!value)
            FAIL(STATUS_USAGE,
                 "--rates %s:%d: not valid JSON; expected what `weightsweep bench --format json` prints",
                 path, line_of(text, end ? end : at));
        if (cJSON_IsArray(value))
            cJSON_ArrayForEach(object, value) read_bench_object(object, throughputs);
        else
            read_bench_object(value, throughputs);
        cJSON_Delete(value);
        at = end;
    }
    if (throughputs->count == 0)
        FAIL(STATUS_USAGE,
             "--rates %s: no line of a step in it; expected what `weightsweep bench --format json` prints",
             path);
    return STATUS_OK;
}

static enum status read_bench(FILE *file, const char *path, struct throughputs *throughputs)
{
    char *text = memory_small(MAX_BENCH_BYTES + 1);
    size_t length = fread(text, 1, MAX_BENCH_BYTES, file);
    enum status status = STATUS_OK;
    if (ferror(file))
        FAIL_DONE(STATUS_USAGE, "--rates %s: cannot be read: %s", path, strerror(errno));
    if (length == MAX_BENCH_BYTES || memchr(text, '\0', length))
        FAIL_DONE(STATUS_USAGE,
                  "--rates %s: no JSON text; expected what `weightsweep bench --format json` prints", path);
    TRY_DONE(read_bench_text(text, path, throughputs));
done:
    free(text);
    return status;
}

// ---- results file: throughput of its finished runs ----

static void copy_text(const struct store_view *view, const char *column, int64_t run, char *text, size_t size)
{
    const struct column *from = column_find(&view->columns, column);
    snprintf(text, size, "%s", from && from->type == COLUMN_TEXT ? from->texts[run] : "");
}

static double number_in(const struct store_view *view, const char *name, int64_t run)
{
    return column_number(column_find(&view->columns, name), run);
}

static void read_run(const struct store_view *view, int64_t run, struct throughputs *throughputs)
{
    struct throughput step = {.flops = number_in(view, "flops_per_step", run), .all = true};
    copy_text(view, "model", run, step.model, sizeof step.model);
    copy_text(view, "pooling", run, step.pooling, sizeof step.pooling);
    copy_text(view, "precision", run, step.precision, sizeof step.precision);
    copy_text(view, "optimizer", run, step.optimizer, sizeof step.optimizer);
    double steps = number_in(view, "steps_done", run);
    // An evaluation costs one forward pass: a third of a training step's FLOPs per set.
    double evaluated =
        number_in(view, "evaluation_generators", run) / number_in(view, "evaluation_every", run);
    double flops = step.flops * (1 + evaluated / number_in(view, "batch", run) / 3);
    step.flops_per_second = flops * steps / number_in(view, "rank_seconds", run);
    add(throughputs, &step);
}

static enum status read_results(const char *path, struct throughputs *throughputs)
{
    struct store_view *view = NULL;
    TRY(probe_file_open(path, PROBE_COLUMNS, &view));
    enum status status = STATUS_OK;
    for (int64_t run = 0; run < view->runs; run++)
        if (view->status[run] == RUN_DONE)
            read_run(view, run, throughputs);
    if (throughputs->count == 0)
        status = FAILED(STATUS_USAGE, "--rates %s: no run in it is done, so nothing was measured", path);
    store_view_close(&view);
    return status;
}

enum status throughput_read(const char *path, struct throughputs *throughputs)
{
    *throughputs = (struct throughputs){.network = policy_network};
    if (!path)
        return STATUS_OK;
    FILE *file = fopen(path, "r");
    if (!file)
        FAIL(STATUS_USAGE, "--rates %s: cannot be opened: %s", path, strerror(errno));
    char first = '\0';
    if (fscanf(file, " %c", &first) < 0 && ferror(file)) {
        fclose(file);
        FAIL(STATUS_USAGE, "--rates %s: cannot be read: %s", path, strerror(errno));
    }
    rewind(file);
    bool json = first == '{' || first == '[';
    enum status status = json ? read_bench(file, path, throughputs) : read_results(path, throughputs);
    fclose(file);
    if (status != STATUS_OK)
        throughput_free(throughputs);
    return status;
}

// ---- the most similar steps ----

// FLOPs per step without those of the optimizer.
static double model_flops(const struct run_spec *run)
{
    return run->training.batch * model_step_flops(&run->model);
}

// Dissimilarity of a measured step and a step of the run. A property has a larger weight if the throughput
// depends on it more; the smallest weight has the ratio of the FLOPs per step.
static double dissimilarity(const struct throughput *step, const struct run_spec *run)
{
    double size = step->all ? run->cost.flops_per_step : model_flops(run);
    char pooling[SETTINGS_WORD];
    return 100 *
               (strcmp(step->precision, settings_choice(SETTING_PRECISION, (int)run->model.precision)) != 0) +
           30 * (strcmp(step->model, settings_choice(SETTING_MODEL, (int)run->model.kind)) != 0) +
           10 * (strcmp(step->pooling, settings_joined(SETTING_POOLING, (int)run->model.pooling, pooling)) !=
                 0) +
           5 * (strcmp(step->optimizer, settings_choice(SETTING_OPTIMIZER, (int)run->training.optimizer)) !=
                0) +
           fabs(log(step->flops / size));
}

struct policy_run throughput_estimate(const struct throughputs *throughputs, const struct run_spec *run,
                                      int64_t steps_done)
{
    const struct throughput *best = NULL;
    for (int i = 0; i < throughputs->count; i++)
        if (!best || dissimilarity(&throughputs->step[i], run) < dissimilarity(best, run))
            best = &throughputs->step[i];
    double steps = (double)(run->training.steps - steps_done);
    double flops = run_flops_left(run, steps_done) - run->cost.fit_flops;
    // A throughput measured with the same optimizer includes the optimizer's time, also without its FLOPs.
    if (best && !best->all &&
        strcmp(best->optimizer, settings_choice(SETTING_OPTIMIZER, (int)run->training.optimizer)) == 0)
        flops -= steps * (run->cost.flops_per_step - model_flops(run));
    double seconds =
        flops / (best ? best->flops_per_second : throughput_assumed) + run->cost.fit_flops / fit_throughput;
    steps = fmax(steps, 1); // a final evaluation alone counts as one step
    return (struct policy_run){.steps = steps,
                               .step_seconds = seconds / steps,
                               .bytes = (double)(model_gradient_elements(&run->model) * sizeof(float)),
                               .max_ranks = run->training.shards};
}

double throughput_seconds_left(const struct run_spec *run, int64_t steps_done)
{
    const struct throughputs unknown = {0};
    struct policy_run left = throughput_estimate(&unknown, run, steps_done);
    return left.steps * left.step_seconds;
}

void throughput_parts(const struct run_spec *run, double *training, double *final)
{
    *final = throughput_seconds_left(run, run->training.steps);
    *training = throughput_seconds_left(run, 0) - *final;
}
