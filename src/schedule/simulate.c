#include "schedule/simulate.h"

#include "base/memory.h"
#include "base/number.h"
#include "schedule/scheduler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The expected end of a run; void if its mark has another version, because its group was extended since. */
struct event {
    double time;
    int64_t run;
    int version;
};

/* The state of a run when its group got its present size. */
struct mark {
    int version;
    double start, steps; // time, steps done
    int size;
};

struct simulator {
    const struct policy_run *run;
    struct scheduler *scheduler;
    struct event *heap; // the earliest first
    int64_t events, capacity;
    struct mark *mark; // [runs]
    bool with_intervals;
    struct simulation *result;
};

// ---- the events, a binary heap ----

static bool earlier(const struct event *a, const struct event *b)
{
    return a->time < b->time || (a->time == b->time && a->run < b->run);
}

static void push(struct simulator *simulator, struct event event)
{
    if (simulator->events == simulator->capacity) {
        simulator->capacity = 2 * simulator->capacity + 64;
        simulator->heap = memory_grow(simulator->heap, (size_t)simulator->capacity * sizeof *simulator->heap);
    }
    int64_t i = simulator->events++;
    for (int64_t parent; i > 0 && earlier(&event, &simulator->heap[parent = (i - 1) / 2]); i = parent)
        simulator->heap[i] = simulator->heap[parent];
    simulator->heap[i] = event;
}

static struct event pop(struct simulator *simulator)
{
    struct event *heap = simulator->heap, first = heap[0], last = heap[--simulator->events];
    int64_t i = 0;
    for (int64_t child; (child = 2 * i + 1) < simulator->events; i = child) {
        if (child + 1 < simulator->events && earlier(&heap[child + 1], &heap[child]))
            child++;
        if (!earlier(&heap[child], &last))
            break;
        heap[i] = heap[child];
    }
    heap[i] = last;
    return first;
}

// ---- intervals ----

static void add_interval(struct simulation *result, struct timeline_interval interval)
{
    if ((result->intervals & (result->intervals - 1)) == 0) // the capacity is the next power of two
        result->interval =
            memory_grow(result->interval, 2 * (size_t)(result->intervals + 1) * sizeof *result->interval);
    result->interval[result->intervals++] = interval;
}

// Records that the group worked on the run from its mark until `now`, when `steps` steps were done.
static void record(struct simulator *simulator, int64_t run, double now, double steps)
{
    const int *group;
    const struct mark *mark = &simulator->mark[run];
    if (!simulator->with_intervals)
        return;
    scheduler_group(simulator->scheduler, run, &group);
    int *ranks = memory_small((size_t)mark->size * sizeof *ranks);
    memcpy(ranks, group, (size_t)mark->size * sizeof *ranks);
    qsort(ranks, (size_t)mark->size, sizeof *ranks, number_by_int);
    for (int first = 0, count; first < mark->size; first += count) {
        count = timeline_consecutive(ranks, mark->size, first);
        add_interval(simulator->result,
                     (struct timeline_interval){run, ranks[first], count, llround(mark->steps),
                                                llround(steps), mark->start, now});
    }
    free(ranks);
}

// ---- time ----

static void carry_out(struct simulator *simulator, const struct scheduler_order *order, double now)
{
    struct mark *mark = &simulator->mark[order->run];
    double steps = 0;
    if (order->already > 0) {
        double end = scheduler_end(simulator->scheduler, order->run),
               total = simulator->run[order->run].steps;
        steps = mark->steps + (total - mark->steps) * (now - mark->start) / (end - mark->start);
        record(simulator, order->run, now, steps);
        scheduler_extended(simulator->scheduler, order->run, true, now);
    }
    *mark = (struct mark){mark->version + 1, now, steps, order->size};
    push(simulator,
         (struct event){scheduler_end(simulator->scheduler, order->run), order->run, mark->version});
}

static void decide(struct simulator *simulator, double now)
{
    const struct scheduler_order *orders;
    for (int count; (count = scheduler_decide(simulator->scheduler, now, &orders)) > 0;)
        for (int i = 0; i < count; i++)
            carry_out(simulator, &orders[i], now);
}

static double lower_bound(const struct policy_run *run, int64_t runs, const struct policy_network *network,
                          int ranks, double work)
{
    double bound = work / ranks;
    for (int64_t i = 0; i < runs; i++) {
        double fastest = run[i].steps * run[i].step_seconds;
        for (int size = 2; size <= run[i].max_ranks && size <= ranks; size *= 2) {
            double seconds = run[i].steps * policy_step_seconds(&run[i], network, size);
            fastest = seconds < fastest ? seconds : fastest;
        }
        bound = fastest > bound ? fastest : bound;
    }
    return bound;
}

void simulate(const struct policy_run *run, int64_t runs, const struct policy_network *network, int ranks,
              int group, bool with_intervals, struct simulation *simulation)
{
    struct simulator simulator = {.run = run, .with_intervals = with_intervals, .result = simulation};
    int64_t *todo = memory_small((size_t)runs * sizeof *todo);
    *simulation = (struct simulation){0};
    simulator.mark = memory_small((size_t)runs * sizeof *simulator.mark);
    for (int64_t i = 0; i < runs; i++) {
        todo[i] = i;
        simulation->work_seconds += run[i].steps * run[i].step_seconds;
    }
    simulation->bound_seconds = lower_bound(run, runs, network, ranks, simulation->work_seconds);
    scheduler_create(run, runs, todo, runs, network, ranks, group, &simulator.scheduler);
    decide(&simulator, 0);
    while (simulator.events > 0) {
        struct event event = pop(&simulator);
        if (event.version != simulator.mark[event.run].version)
            continue;
        simulation->seconds = event.time;
        record(&simulator, event.run, event.time, run[event.run].steps);
        scheduler_finished(simulator.scheduler, event.run);
        decide(&simulator, event.time);
    }
    scheduler_destroy(&simulator.scheduler);
    free(simulator.mark);
    free(simulator.heap);
    free(todo);
}

void simulate_free(struct simulation *simulation)
{
    free(simulation->interval);
    simulation->interval = NULL;
}
