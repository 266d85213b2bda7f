#include "schedule/scheduler.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { FREE = -1 };

/* A run and the ranks that work on it. */
struct group {
    int size, wanted; // wanted > size: it has been told to grow
    int *ranks;       // [wanted], the leader first; NULL while nobody works on it
    double since;     // when `run.steps` were left
    int64_t place;    // among those that run
    bool measured;    // run.step_seconds is no guess any more
    double at_half;   // seconds a step before it last doubled; 0: not known
    struct policy_run run;
};

struct scheduler {
    const struct policy_network *network;
    int ranks, fixed_size;
    int free;
    int64_t *work;       // [ranks]: the run that a rank works on, or FREE
    struct group *group; // [runs]
    int64_t *queue;      // [count], longest first; those from `next` on wait
    int64_t count, next;
    int64_t *running; // [running_count]
    int64_t running_count;
    double guessed, found; // sums over what was measured: to correct the other guesses
    struct scheduler_order *orders;
};

static double left_at_start(const struct scheduler *scheduler, int64_t run)
{
    return scheduler->group[run].run.steps * scheduler->group[run].run.step_seconds;
}

// Longest first; runs of equal cost in the sweep's order.
static int by_time(const void *a, const void *b, void *context)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    double left = left_at_start(context, x), right = left_at_start(context, y);
    if (left != right)
        return left < right ? 1 : -1;
    return (x > y) - (x < y);
}

void scheduler_create(const struct policy_run *run, int64_t runs, const int64_t *todo, int64_t count,
                      const struct policy_network *network, int ranks, int group, struct scheduler **out)
{
    struct scheduler *scheduler = memory_small(sizeof *scheduler);
    *scheduler = (struct scheduler){
        .network = network, .ranks = ranks, .fixed_size = group, .free = ranks, .count = count};
    scheduler->work = memory_small((size_t)ranks * sizeof *scheduler->work);
    for (int rank = 0; rank < ranks; rank++)
        scheduler->work[rank] = FREE;
    scheduler->group = memory_small((size_t)runs * sizeof *scheduler->group);
    for (int64_t i = 0; i < runs; i++)
        scheduler->group[i].run = run[i];
    scheduler->queue = memory_small((size_t)count * sizeof *scheduler->queue);
    if (count > 0)
        memcpy(scheduler->queue, todo, (size_t)count * sizeof *todo);
    qsort_r(scheduler->queue, (size_t)count, sizeof *scheduler->queue, by_time, scheduler);
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
    free(scheduler->work);
    free(scheduler);
    *out = NULL;
}

// ---- time ----

static double step_seconds(const struct scheduler *scheduler, const struct group *group)
{
    return policy_step_seconds(&group->run, scheduler->network, group->size);
}

// Counts the steps that were done meanwhile as done.
static void advance(const struct scheduler *scheduler, struct group *group, double now)
{
    double done = (now - group->since) / step_seconds(scheduler, group);
    group->run.steps = done < group->run.steps ? group->run.steps - done : 0;
    group->since = now;
}

double scheduler_end(const struct scheduler *scheduler, int64_t run)
{
    const struct group *group = &scheduler->group[run];
    return group->since + group->run.steps * step_seconds(scheduler, group);
}

// ---- ranks ----

// A rank from which on `size` free ones follow each other, which then sit close together; -1 if there is
// none.
static int free_stretch(const struct scheduler *scheduler, int size)
{
    int found = 0;
    for (int rank = 0; rank < scheduler->ranks; rank++) {
        found = scheduler->work[rank] == FREE ? found + 1 : 0;
        if (found == size)
            return rank - size + 1;
    }
    return -1;
}

static void take_ranks(struct scheduler *scheduler, int64_t run, int size)
{
    struct group *group = &scheduler->group[run];
    int rank = free_stretch(scheduler, size - group->size);
    group->ranks = memory_grow(group->ranks, (size_t)size * sizeof *group->ranks);
    for (int taken = group->size; taken < size; rank++) {
        if (rank < 0 || scheduler->work[rank] != FREE)
            continue; // no interval: the lowest ones
        scheduler->work[rank] = run;
        group->ranks[taken++] = rank;
    }
    scheduler->free -= size - group->size;
    group->wanted = size;
}

static void release_ranks(struct scheduler *scheduler, int64_t run, int from)
{
    struct group *group = &scheduler->group[run];
    for (int i = from; i < group->wanted; i++)
        scheduler->work[group->ranks[i]] = FREE;
    scheduler->free += group->wanted - from;
    group->wanted = from;
}

// ---- what is to be done ----

static void give_order(struct scheduler *scheduler, int64_t run, int count)
{
    const struct group *group = &scheduler->group[run];
    scheduler->orders[count] = (struct scheduler_order){run, group->wanted, group->size, group->ranks};
}

static int start_runs(struct scheduler *scheduler, double now)
{
    int64_t waiting = scheduler->count - scheduler->next;
    int queued = waiting < scheduler->free ? (int)waiting : scheduler->free; // no more can start
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
        give_order(scheduler, run, i);
        group->size = size[i];
        group->since = now;
        group->place = scheduler->running_count;
        scheduler->running[scheduler->running_count++] = run;
    }
    free(size);
    free(queue);
    return started;
}

// What is not measured yet is as wrong as the rest was.
static struct policy_run best_guess(const struct scheduler *scheduler, const struct group *group)
{
    struct policy_run run = group->run;
    if (!group->measured && scheduler->guessed > 0)
        run.step_seconds *= scheduler->found / scheduler->guessed;
    return run;
}

static bool may_grow(const struct scheduler *scheduler, const struct group *group)
{
    return group->wanted == group->size && group->size <= scheduler->free &&
           2 * group->size <= group->run.max_ranks;
}

static int grow_groups(struct scheduler *scheduler, double now)
{
    if (scheduler->free == 0 || scheduler->running_count == 0 || scheduler->fixed_size > 0)
        return 0;
    size_t most = (size_t)scheduler->running_count;
    int64_t *candidate = memory_small(most * sizeof *candidate);
    struct policy_run *run = memory_small(most * sizeof *run);
    int *size = memory_small(most * sizeof *size), count = 0, ordered = 0;
    for (int64_t i = 0; i < scheduler->running_count; i++) {
        struct group *group = &scheduler->group[scheduler->running[i]];
        if (!may_grow(scheduler, group))
            continue;
        advance(scheduler, group, now);
        candidate[count] = scheduler->running[i];
        run[count] = best_guess(scheduler, group);
        size[count++] = group->size;
    }
    policy_share(run, count, scheduler->network, scheduler->free, size);
    for (int i = 0; i < count; i++) {
        if (size[i] == scheduler->group[candidate[i]].size)
            continue;
        take_ranks(scheduler, candidate[i], size[i]);
        give_order(scheduler, candidate[i], ordered++);
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
    return count > 0 ? count : grow_groups(scheduler, now);
}

// ---- what has happened ----

void scheduler_extended(struct scheduler *scheduler, int64_t run, bool larger, double now)
{
    struct group *group = &scheduler->group[run];
    advance(scheduler, group, now);
    if (larger) {
        group->at_half =
            group->measured ? step_seconds(scheduler, group) * group->size / group->wanted * 2 : 0;
        group->size = group->wanted;
    } else {
        group->run.max_ranks = group->size;
        release_ranks(scheduler, run, group->size);
    }
}

// A group that is hardly faster than half of it would have been stays as it is.
static const double hardly = 0.9;

void scheduler_progress(struct scheduler *scheduler, int64_t run, double now, double steps_left,
                        double measured)
{
    struct group *group = &scheduler->group[run];
    group->since = now;
    group->run.steps = steps_left;
    if (measured <= 0)
        return;
    double shared = measured - (step_seconds(scheduler, group) - group->run.step_seconds / group->size);
    double alone = group->size * (shared > measured / 10 ? shared : measured / 10);
    if (!group->measured) {
        scheduler->guessed += group->run.step_seconds;
        scheduler->found += alone;
    }
    group->run.step_seconds = alone;
    group->measured = true;
    if (group->at_half > 0 && measured > hardly * group->at_half)
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
    scheduler->running[group->place] = last;
    scheduler->group[last].place = group->place;
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
