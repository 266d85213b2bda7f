#include "schedule/scheduler.h"

#include "base/memory.h"
#include "base/number.h"

#include <stdlib.h>
#include <string.h>

enum { FREE = -1 };

/* A run and the ranks that work on it. */
struct group {
    int size, wanted;      // wanted > size: an order to extend the group is pending
    int *ranks;            // [wanted], the leader first; NULL while the run is not running
    double updated;        // time at which `run.steps` steps remained
    int64_t running_index; // index in scheduler.running
    bool measured;         // run.step_seconds is measured, not estimated
    double half_time;      // seconds per step of half the group, before it was last doubled; 0: not measured
    struct policy_run run;
};

struct scheduler {
    const struct policy_network *network;
    int ranks;
    int fixed_size;      // requested ranks per group, or 0 to choose
    int free;            // number of free ranks
    int64_t *assigned;   // [ranks]: the run of each rank, or FREE
    struct group *group; // [runs]
    int64_t *queue;      // [count], longest first; runs from index `next` on wait
    int64_t count, next;
    int64_t *running; // [running_count]
    int64_t running_count;
    double estimated, measured; // sums of step_seconds over measured runs; the ratio corrects other estimates
    struct scheduler_order *orders;
};

static double run_seconds(const struct scheduler *scheduler, int64_t run)
{
    return scheduler->group[run].run.steps * scheduler->group[run].run.step_seconds;
}

// Order of the queue: longest first; runs of equal length in the order of the sweep.
static int compare_runs(const void *a, const void *b, void *context)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    double left = run_seconds(context, x), right = run_seconds(context, y);
    if (left != right)
        return left < right ? 1 : -1;
    return number_by_int64(a, b);
}

void scheduler_create(const struct policy_run *run, int64_t runs, const int64_t *todo, int64_t count,
                      const struct policy_network *network, int ranks, int group, struct scheduler **out)
{
    struct scheduler *scheduler = memory_small(sizeof *scheduler);
    *scheduler = (struct scheduler){
        .network = network, .ranks = ranks, .fixed_size = group, .free = ranks, .count = count};
    scheduler->assigned = memory_small((size_t)ranks * sizeof *scheduler->assigned);
    for (int rank = 0; rank < ranks; rank++)
        scheduler->assigned[rank] = FREE;
    scheduler->group = memory_small((size_t)runs * sizeof *scheduler->group);
    for (int64_t i = 0; i < runs; i++)
        scheduler->group[i].run = run[i];
    scheduler->queue = memory_small((size_t)count * sizeof *scheduler->queue);
    if (count > 0)
        memcpy(scheduler->queue, todo, (size_t)count * sizeof *todo);
    qsort_r(scheduler->queue, (size_t)count, sizeof *scheduler->queue, compare_runs, scheduler);
    scheduler->running = memory_small((size_t)ranks * sizeof *scheduler->running);
    scheduler->orders = memory_small((size_t)ranks * sizeof *scheduler->orders);
    *out = scheduler;
}

void scheduler_destroy(struct scheduler **out)
{
    struct scheduler *scheduler = *out;
    if (!scheduler)
        return;
    for (int64_t i = 0; i < scheduler->running_count; i++)
        free(scheduler->group[scheduler->running[i]].ranks);
    free(scheduler->orders);
    free(scheduler->running);
    free(scheduler->queue);
    free(scheduler->group);
    free(scheduler->assigned);
    free(scheduler);
    *out = NULL;
}

// ---- time ----

static double step_seconds(const struct scheduler *scheduler, const struct group *group)
{
    return policy_step_seconds(&group->run, scheduler->network, group->size);
}

// Subtracts the steps expected to be done since the last update.
static void advance(const struct scheduler *scheduler, struct group *group, double now)
{
    double done = (now - group->updated) / step_seconds(scheduler, group);
    group->run.steps = done < group->run.steps ? group->run.steps - done : 0;
    group->updated = now;
}

double scheduler_end(const struct scheduler *scheduler, int64_t run)
{
    const struct group *group = &scheduler->group[run];
    return group->updated + group->run.steps * step_seconds(scheduler, group);
}

// ---- ranks ----

// First rank of an interval of `size` free ranks, which are likely to share a node; -1 if there is none.
static int free_interval(const struct scheduler *scheduler, int size)
{
    int length = 0;
    for (int rank = 0; rank < scheduler->ranks; rank++) {
        length = scheduler->assigned[rank] == FREE ? length + 1 : 0;
        if (length == size)
            return rank - size + 1;
    }
    return -1;
}

static void take_ranks(struct scheduler *scheduler, int64_t run, int size)
{
    struct group *group = &scheduler->group[run];
    int rank = free_interval(scheduler, size - group->size);
    group->ranks = memory_grow(group->ranks, (size_t)size * sizeof *group->ranks);
    for (int taken = group->size; taken < size; rank++) {
        if (rank < 0 || scheduler->assigned[rank] != FREE)
            continue; // without an interval the lowest free ranks are taken
        scheduler->assigned[rank] = run;
        group->ranks[taken++] = rank;
    }
    scheduler->free -= size - group->size;
    group->wanted = size;
}

static void release_ranks(struct scheduler *scheduler, int64_t run, int from)
{
    struct group *group = &scheduler->group[run];
    for (int i = from; i < group->wanted; i++)
        scheduler->assigned[group->ranks[i]] = FREE;
    scheduler->free += group->wanted - from;
    group->wanted = from;
}

// ---- decisions ----

static void add_order(struct scheduler *scheduler, int64_t run, int count)
{
    const struct group *group = &scheduler->group[run];
    scheduler->orders[count] = (struct scheduler_order){run, group->wanted, group->size, group->ranks};
}

static int start_runs(struct scheduler *scheduler, double now)
{
    int64_t waiting = scheduler->count - scheduler->next;
    int queued = waiting < scheduler->free ? (int)waiting : scheduler->free; // at most one run per free rank
    if (queued == 0)
        return 0;
    struct policy_run *queue = memory_small((size_t)queued * sizeof *queue);
    int *size = memory_small((size_t)queued * sizeof *size);
    for (int i = 0; i < queued; i++)
        queue[i] = scheduler->group[scheduler->queue[scheduler->next + i]].run;
    int started =
        policy_start(queue, queued, scheduler->network, scheduler->free, scheduler->fixed_size, size);
    for (int i = 0; i < started; i++) {
        int64_t run = scheduler->queue[scheduler->next++];
        struct group *group = &scheduler->group[run];
        take_ranks(scheduler, run, size[i]);
        add_order(scheduler, run, i);
        group->size = size[i];
        group->updated = now;
        group->running_index = scheduler->running_count;
        scheduler->running[scheduler->running_count++] = run;
    }
    free(size);
    free(queue);
    return started;
}

// The run with its estimated step_seconds corrected by the mean error of the estimates measured so far.
static struct policy_run corrected_run(const struct scheduler *scheduler, const struct group *group)
{
    struct policy_run run = group->run;
    if (!group->measured && scheduler->estimated > 0)
        run.step_seconds *= scheduler->measured / scheduler->estimated;
    return run;
}

static int extend_groups(struct scheduler *scheduler, double now)
{
    if (scheduler->free == 0 || scheduler->running_count == 0 || scheduler->fixed_size > 0)
        return 0;
    size_t max_count = (size_t)scheduler->running_count;
    int64_t *candidate = memory_small(max_count * sizeof *candidate);
    struct policy_run *run = memory_small(max_count * sizeof *run);
    int *size = memory_small(max_count * sizeof *size), count = 0, ordered = 0;
    for (int64_t i = 0; i < scheduler->running_count; i++) {
        struct group *group = &scheduler->group[scheduler->running[i]];
        if (group->wanted > group->size || group->size > scheduler->free ||
            2 * group->size > group->run.max_ranks)
            continue;
        advance(scheduler, group, now);
        candidate[count] = scheduler->running[i];
        run[count] = corrected_run(scheduler, group);
        size[count++] = group->size;
    }
    policy_share(run, count, scheduler->network, scheduler->free, size);
    for (int i = 0; i < count; i++) {
        if (size[i] == scheduler->group[candidate[i]].size)
            continue;
        take_ranks(scheduler, candidate[i], size[i]);
        add_order(scheduler, candidate[i], ordered++);
    }
    free(size);
    free(run);
    free(candidate);
    return ordered;
}

int scheduler_decide(struct scheduler *scheduler, double now, const struct scheduler_order **orders)
{
    *orders = scheduler->orders;
    int count = start_runs(scheduler, now);
    return count > 0 ? count : extend_groups(scheduler, now);
}

// ---- reports ----

void scheduler_extended(struct scheduler *scheduler, int64_t run, bool extended, double now)
{
    struct group *group = &scheduler->group[run];
    advance(scheduler, group, now);
    if (extended) {
        group->half_time =
            group->measured ? step_seconds(scheduler, group) * group->size / group->wanted * 2 : 0;
        group->size = group->wanted;
    } else {
        group->run.max_ranks = group->size;
        release_ranks(scheduler, run, group->size);
    }
}

void scheduler_progress(struct scheduler *scheduler, int64_t run, double now, double steps_left,
                        double measured)
{
    static const double max_time_ratio = 0.9; // else the last doubling was no gain: the group keeps its size
    struct group *group = &scheduler->group[run];
    group->updated = now;
    group->run.steps = steps_left;
    if (measured <= 0)
        return;
    double messages = step_seconds(scheduler, group) - group->run.step_seconds / group->size;
    double computation = measured - messages > measured / 10 ? measured - messages : measured / 10;
    double one_rank = group->size * computation;
    if (!group->measured) {
        scheduler->estimated += group->run.step_seconds;
        scheduler->measured += one_rank;
    }
    group->run.step_seconds = one_rank;
    group->measured = true;
    bool below_threshold = measured <= max_time_ratio * group->half_time;
    if (group->half_time > 0 && !below_threshold)
        group->run.max_ranks = group->size;
}

void scheduler_finished(struct scheduler *scheduler, int64_t run)
{
    struct group *group = &scheduler->group[run];
    release_ranks(scheduler, run, 0);
    free(group->ranks);
    group->ranks = NULL;
    group->size = 0;
    int64_t last = scheduler->running[--scheduler->running_count];
    scheduler->running[group->running_index] = last;
    scheduler->group[last].running_index = group->running_index;
}

int scheduler_group(const struct scheduler *scheduler, int64_t run, const int **ranks)
{
    *ranks = scheduler->group[run].ranks;
    return scheduler->group[run].size;
}

int64_t scheduler_waiting(const struct scheduler *scheduler)
{
    return scheduler->count - scheduler->next;
}

int64_t scheduler_running(const struct scheduler *scheduler)
{
    return scheduler->running_count;
}

int scheduler_free_ranks(const struct scheduler *scheduler)
{
    return scheduler->free;
}
