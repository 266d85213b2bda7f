#include "schedule/dispatch.h"

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

struct dispatch {
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
    struct dispatch_order *orders;
};

static double left_at_start(const struct dispatch *dispatch, int64_t run)
{
    return dispatch->group[run].run.steps * dispatch->group[run].run.step_seconds;
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

void dispatch_create(const struct policy_run *run, int64_t runs, const int64_t *todo, int64_t count,
                     const struct policy_network *network, int ranks, int group, struct dispatch **out)
{
    struct dispatch *dispatch = memory_small(sizeof *dispatch);
    *dispatch = (struct dispatch){
        .network = network, .ranks = ranks, .fixed_size = group, .free = ranks, .count = count};
    dispatch->work = memory_small((size_t)ranks * sizeof *dispatch->work);
    for (int rank = 0; rank < ranks; rank++)
        dispatch->work[rank] = FREE;
    dispatch->group = memory_small((size_t)runs * sizeof *dispatch->group);
    for (int64_t i = 0; i < runs; i++)
        dispatch->group[i].run = run[i];
    dispatch->queue = memory_small((size_t)count * sizeof *dispatch->queue);
    if (count > 0)
        memcpy(dispatch->queue, todo, (size_t)count * sizeof *todo);
    qsort_r(dispatch->queue, (size_t)count, sizeof *dispatch->queue, by_time, dispatch);
    dispatch->running = memory_small((size_t)ranks * sizeof *dispatch->running);
    dispatch->orders = memory_small((size_t)ranks * sizeof *dispatch->orders);
    *out = dispatch;
}

void dispatch_destroy(struct dispatch **out)
{
    struct dispatch *dispatch = *out;
    if (!dispatch)
        return;
    for (int64_t i = 0; i < dispatch->running_count; i++)
        free(dispatch->group[dispatch->running[i]].ranks);
    free(dispatch->orders);
    free(dispatch->running);
    free(dispatch->queue);
    free(dispatch->group);
    free(dispatch->work);
    free(dispatch);
    *out = NULL;
}

// ---- time ----

static double step_seconds(const struct dispatch *dispatch, const struct group *group)
{
    return policy_step_seconds(&group->run, dispatch->network, group->size);
}

// Counts the steps that were done meanwhile as done.
static void advance(const struct dispatch *dispatch, struct group *group, double now)
{
    double done = (now - group->since) / step_seconds(dispatch, group);
    group->run.steps = done < group->run.steps ? group->run.steps - done : 0;
    group->since = now;
}

double dispatch_end(const struct dispatch *dispatch, int64_t run)
{
    const struct group *group = &dispatch->group[run];
    return group->since + group->run.steps * step_seconds(dispatch, group);
}

// ---- ranks ----

// A rank from which on `size` free ones follow each other, which then sit close together; -1 if there is
// none.
static int free_stretch(const struct dispatch *dispatch, int size)
{
    int found = 0;
    for (int rank = 0; rank < dispatch->ranks; rank++) {
        found = dispatch->work[rank] == FREE ? found + 1 : 0;
        if (found == size)
            return rank - size + 1;
    }
    return -1;
}

static void take_ranks(struct dispatch *dispatch, int64_t run, int size)
{
    struct group *group = &dispatch->group[run];
    int rank = free_stretch(dispatch, size - group->size);
    group->ranks = memory_grow(group->ranks, (size_t)size * sizeof *group->ranks);
    for (int taken = group->size; taken < size; rank++) {
        if (rank < 0 || dispatch->work[rank] != FREE)
            continue; // no stretch: the lowest ones
        dispatch->work[rank] = run;
        group->ranks[taken++] = rank;
    }
    dispatch->free -= size - group->size;
    group->wanted = size;
}

static void release_ranks(struct dispatch *dispatch, int64_t run, int from)
{
    struct group *group = &dispatch->group[run];
    for (int i = from; i < group->wanted; i++)
        dispatch->work[group->ranks[i]] = FREE;
    dispatch->free += group->wanted - from;
    group->wanted = from;
}

// ---- what is to be done ----

static void give_order(struct dispatch *dispatch, int64_t run, int count)
{
    const struct group *group = &dispatch->group[run];
    dispatch->orders[count] = (struct dispatch_order){run, group->wanted, group->size, group->ranks};
}

static int start_runs(struct dispatch *dispatch, double now)
{
    int64_t waiting = dispatch->count - dispatch->next;
    int queued = waiting < dispatch->free ? (int)waiting : dispatch->free; // no more can start
    if (queued == 0)
        return 0;
    struct policy_run *queue = memory_small((size_t)queued * sizeof *queue);
    int *size = memory_small((size_t)queued * sizeof *size);
    for (int i = 0; i < queued; i++)
        queue[i] = dispatch->group[dispatch->queue[dispatch->next + i]].run;
    int started = policy_start(queue, queued, dispatch->network, dispatch->free, dispatch->fixed_size, size);
    for (int i = 0; i < started; i++) {
        int64_t run = dispatch->queue[dispatch->next++];
        struct group *group = &dispatch->group[run];
        take_ranks(dispatch, run, size[i]);
        give_order(dispatch, run, i);
        group->size = size[i];
        group->since = now;
        group->place = dispatch->running_count;
        dispatch->running[dispatch->running_count++] = run;
    }
    free(size);
    free(queue);
    return started;
}

// What is not measured yet is as wrong as the rest was.
static struct policy_run best_guess(const struct dispatch *dispatch, const struct group *group)
{
    struct policy_run run = group->run;
    if (!group->measured && dispatch->guessed > 0)
        run.step_seconds *= dispatch->found / dispatch->guessed;
    return run;
}

static bool may_grow(const struct dispatch *dispatch, const struct group *group)
{
    return group->wanted == group->size && group->size <= dispatch->free &&
           2 * group->size <= group->run.most_ranks;
}

static int grow_groups(struct dispatch *dispatch, double now)
{
    if (dispatch->free == 0 || dispatch->running_count == 0 || dispatch->fixed_size > 0)
        return 0;
    size_t most = (size_t)dispatch->running_count;
    int64_t *candidate = memory_small(most * sizeof *candidate);
    struct policy_run *run = memory_small(most * sizeof *run);
    int *size = memory_small(most * sizeof *size), count = 0, ordered = 0;
    for (int64_t i = 0; i < dispatch->running_count; i++) {
        struct group *group = &dispatch->group[dispatch->running[i]];
        if (!may_grow(dispatch, group))
            continue;
        advance(dispatch, group, now);
        candidate[count] = dispatch->running[i];
        run[count] = best_guess(dispatch, group);
        size[count++] = group->size;
    }
    policy_share(run, count, dispatch->network, dispatch->free, size);
    for (int i = 0; i < count; i++) {
        if (size[i] == dispatch->group[candidate[i]].size)
            continue;
        take_ranks(dispatch, candidate[i], size[i]);
        give_order(dispatch, candidate[i], ordered++);
    }
    free(size);
    free(run);
    free(candidate);
    return ordered;
}

int dispatch_decide(struct dispatch *dispatch, double now, const struct dispatch_order **orders)
{
    *orders = dispatch->orders;
    int count = start_runs(dispatch, now);
    return count > 0 ? count : grow_groups(dispatch, now);
}

// ---- what has happened ----

void dispatch_grown(struct dispatch *dispatch, int64_t run, bool larger, double now)
{
    struct group *group = &dispatch->group[run];
    advance(dispatch, group, now);
    if (larger) {
        group->at_half =
            group->measured ? step_seconds(dispatch, group) * group->size / group->wanted * 2 : 0;
        group->size = group->wanted;
    } else {
        group->run.most_ranks = group->size;
        release_ranks(dispatch, run, group->size);
    }
}

// A group that is hardly faster than half of it would have been stays as it is.
static const double hardly = 0.9;

void dispatch_progress(struct dispatch *dispatch, int64_t run, double now, double steps_left, double measured)
{
    struct group *group = &dispatch->group[run];
    group->since = now;
    group->run.steps = steps_left;
    if (measured <= 0)
        return;
    double shared = measured - (step_seconds(dispatch, group) - group->run.step_seconds / group->size);
    double alone = group->size * (shared > measured / 10 ? shared : measured / 10);
    if (!group->measured) {
        dispatch->guessed += group->run.step_seconds;
        dispatch->found += alone;
    }
    group->run.step_seconds = alone;
    group->measured = true;
    if (group->at_half > 0 && measured > hardly * group->at_half)
        group->run.most_ranks = group->size;
}

void dispatch_finished(struct dispatch *dispatch, int64_t run)
{
    struct group *group = &dispatch->group[run];
    release_ranks(dispatch, run, 0);
    free(group->ranks);
    group->ranks = NULL;
    group->size = 0;
    int64_t last = dispatch->running[--dispatch->running_count];
    dispatch->running[group->place] = last;
    dispatch->group[last].place = group->place;
}

int dispatch_group(const struct dispatch *dispatch, int64_t run, const int **ranks)
{
    *ranks = dispatch->group[run].ranks;
    return dispatch->group[run].size;
}

int64_t dispatch_waiting(const struct dispatch *dispatch)
{
    return dispatch->count - dispatch->next;
}

int64_t dispatch_running(const struct dispatch *dispatch)
{
    return dispatch->running_count;
}

int dispatch_free(const struct dispatch *dispatch)
{
    return dispatch->free;
}
