#include "driver/recorder.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "driver/results.h"
#include "driver/throughput.h"

#include <math.h>
#include <stdlib.h>

void recorder_init(struct recorder *recorder, struct store *store, const struct sweep *sweep,
                   uint8_t *run_state)
{
    *recorder = (struct recorder){.store = store, .sweep = sweep, .run_state = run_state};
    results_outcomes(sweep, &recorder->outcomes);
    recorder->written = memory_small((size_t)sweep->runs * sizeof *recorder->written);
    recorder->curve = memory_small((size_t)store_points(store) * sizeof *recorder->curve);
}

void recorder_free(struct recorder *recorder)
{
    progress_destroy(&recorder->progress);
    timeline_destroy(&recorder->timeline);
    column_table_free(&recorder->outcomes);
    free(recorder->written);
    free(recorder->curve);
}

// ---- hooks, as declared in schedule.h ----

static enum status on_load(void *context, int64_t run, struct train_state *state, bool *found)
{
    struct recorder *recorder = context;
    return results_load(recorder->store, run, state, recorder->curve, found);
}

static enum status on_checkpoint(void *context, int64_t run, const struct train_state *state)
{
    struct recorder *recorder = context;
    return results_checkpoint(recorder->store, run, state, recorder->curve);
}

static struct store_point point_of(const struct train_scalars *scalars)
{
    return (struct store_point){(double)scalars->step, scalars->loss_ema, scalars->r2, scalars->wall_seconds};
}

static void on_curve(void *context, int64_t point, const struct train_scalars *scalars)
{
    ((struct recorder *)context)->curve[point] = point_of(scalars);
}

static enum status on_point(void *context, int64_t run, int64_t point, const struct train_scalars *scalars)
{
    const struct store_point values = point_of(scalars);
    return store_write_curve_point(((struct recorder *)context)->store, run, point, &values);
}

static enum status on_started(void *context, int64_t run, const int *ranks, int size)
{
    struct recorder *recorder = context;
    recorder->run_state[run] = RUN_RUNNING;
    progress_started(recorder->progress, run, size);
    timeline_group(recorder->timeline, run, ranks, size);
    return store_write_status(recorder->store, run, RUN_RUNNING);
}

static enum status on_extended(void *context, int64_t run, const int *ranks, int size, int64_t step)
{
    struct recorder *recorder = context;
    progress_started(recorder->progress, run, size);
    TRY(timeline_end(recorder->timeline, run, step));
    timeline_group(recorder->timeline, run, ranks, size);
    return timeline_at(recorder->timeline, run, step);
}

static const double write_seconds = 5; // between two writes of an unfinished run's progress to the file

static enum status on_progress(void *context, int64_t run, const struct train_scalars *scalars)
{
    struct recorder *recorder = context;
    progress_at(recorder->progress, run, scalars->step, scalars->loss_ema, scalars->wall_seconds);
    double now = clock_seconds();
    if (now - recorder->written[run] < write_seconds)
        return STATUS_OK;
    recorder->written[run] = now;
    TRY(store_check_name(recorder->store));
    TRY(timeline_at(recorder->timeline, run, scalars->step));
    return results_progress(recorder->store, run, scalars);
}

static void note_stopped(struct recorder *recorder, int64_t run, int64_t step)
{
    const struct run_spec *spec = &recorder->sweep->run[run];
    progress_stopped(recorder->progress, run, step);
    if (step < spec->training.steps)
        return;
    recorder->final_stopped++;
    recorder->final_seconds = fmax(recorder->final_seconds, throughput_seconds_left(spec, step));
}

static enum status on_finished(void *context, int64_t run, enum train_end end,
                               const struct train_scalars *scalars, const double *scores, const char *message)
{
    struct recorder *recorder = context;
    TRY(timeline_end(recorder->timeline, run, scalars->step));
    TRY(results_finish(recorder->store, recorder->sweep, &recorder->outcomes, run, end, scalars, scores,
                       message));
    recorder->run_state[run] = (uint8_t)results_run_state(end);
    if (end == TRAIN_STOPPED)
        note_stopped(recorder, run, scalars->step);
    else
        progress_finished(recorder->progress, run, end == TRAIN_DONE ? "done" : message, scalars->r2);
    return STATUS_OK;
}

static void on_tick(void *context)
{
    progress_tick(((struct recorder *)context)->progress);
}

struct schedule_hooks recorder_hooks(struct recorder *recorder, double checkpoint_every)
{
    return (struct schedule_hooks){.context = recorder,
                                   .checkpoint_every = checkpoint_every,
                                   .load = on_load,
                                   .checkpoint = on_checkpoint,
                                   .curve = on_curve,
                                   .started = on_started,
                                   .extended = on_extended,
                                   .progress = on_progress,
                                   .point = on_point,
                                   .finished = on_finished,
                                   .tick = on_tick};
}

void recorder_end(const struct recorder *recorder, FILE *err)
{
    struct text time = {0};
    progress_end(recorder->progress);
    if (recorder->final_stopped == 0)
        return;
    text_add_duration(&time, recorder->final_seconds);
    fprintf(err,
            "note: %lld run%s stopped in the final evaluation: the training is saved, and the final "
            "evaluation starts again with the next command; predicted time on one rank: %s\n",
            (long long)recorder->final_stopped, text_plural(recorder->final_stopped), time.chars);
    text_free(&time);
}
