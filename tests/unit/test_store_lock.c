// The lock of a results file: at most one writer at a time, until its process ends.
#include "base/clock.h"
#include "base/memory.h"
#include "store_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char *path_of(void **state)
{
    return ((struct fixture *)*state)->path;
}

static bool has(const char *path, const char *ending)
{
    char *name = memory_format("%s%s", path, ending);
    bool exists = access(name, F_OK) == 0;
    free(name);
    return exists;
}

static bool lock_file_exists(const char *path)
{
    return has(path, ".lock");
}

// Starts a process that holds the lock until it is killed.
static pid_t start_holder(const char *path)
{
    int ready[2], lock;
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        setenv("SLURM_JOB_ID", "4711", 1);
        if (store_lock_acquire(path, &lock) == STATUS_OK && write(ready[1], "x", 1) == 1)
            pause();
        _exit(1);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return child;
}

static void it_is_held_until_released(void **state)
{
    int lock, second;
    assert_false(store_lock_held(path_of(state)));
    assert_status(store_lock_acquire(path_of(state), &lock), STATUS_OK);
    assert_true(store_lock_held(path_of(state)));
    assert_status(store_lock_acquire(path_of(state), &second),
                  STATUS_RESULTS); // also refused within one process
    assert_int_equal(second, -1);
    assert_true(store_lock_held(path_of(state)));
    store_lock_release(path_of(state), &lock);
    assert_int_equal(lock, -1);
    assert_false(store_lock_held(path_of(state)));
    assert_false(lock_file_exists(path_of(state)));
}

static void another_process_is_refused_until_the_holder_dies(void **state)
{
    int lock;
    char expected[128];
    pid_t holder = start_holder(path_of(state));
    assert_true(store_lock_held(path_of(state)));
    assert_status(store_lock_acquire(path_of(state), &lock), STATUS_RESULTS);
    snprintf(expected, sizeof expected, "is being written by pid %d on ", (int)holder);
    assert_message(expected);
    assert_message("(job 4711) since 20");
    assert_message("Z; wait for it, or end it");

    kill(holder, SIGKILL);
    waitpid(holder, NULL, 0);
    assert_true(lock_file_exists(path_of(state))); // a leftover lock file does not block another writer
    assert_false(store_lock_held(path_of(state)));
    assert_status(store_lock_acquire(path_of(state), &lock), STATUS_OK);
    store_lock_release(path_of(state), &lock);
    assert_false(lock_file_exists(path_of(state)));
}

static void touch(const char *path, const char *ending)
{
    char *name = memory_format("%s%s", path, ending);
    int fd = open(name, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
    free(name);
}

// Only files that a killed holder has made are removed: not one that was there before, and none that came
// after store_lock_created.
static void unfinished_files_of_a_killed_holder_are_removed(void **state)
{
    int lock;
    const char *path = path_of(state);
    touch(path, ".grown");
    pid_t holder = start_holder(path);
    touch(path, ".part");
    kill(holder, SIGKILL);
    waitpid(holder, NULL, 0);
    assert_status(store_lock_acquire(path, &lock), STATUS_OK);
    assert_false(has(path, ".part"));
    assert_true(has(path, ".grown"));

    touch(path, ".part");
    assert_status(store_lock_created(path, lock), STATUS_OK);
    close(lock); // as after a kill
    assert_true(lock_file_exists(path));
    assert_status(store_lock_acquire(path, &lock), STATUS_OK);
    assert_true(has(path, ".part") && has(path, ".grown"));
    store_lock_release(path, &lock);
}

// A rank may outlive its launcher for a moment: here a child of the holder inherits the lock, and its parent
// ends.
static void start_orphan(const char *path, useconds_t lives)
{
    int ready[2], lock;
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t launcher = fork();
    if (launcher == 0) {
        if (fork() > 0)
            pause();
        if (store_lock_acquire(path, &lock) == STATUS_OK && write(ready[1], "x", 1) == 1)
            usleep(lives);
        _exit(0);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    kill(launcher, SIGKILL);
    waitpid(launcher, NULL, 0);
}

static void a_dying_rank_is_waited_for(void **state)
{
    int lock;
    start_orphan(path_of(state), 700000);
    double begun = clock_seconds();
    assert_status(store_lock_acquire(path_of(state), &lock), STATUS_OK);
    assert_true(clock_seconds() - begun > 0.3);
    store_lock_release(path_of(state), &lock);
}

// Increments the number in the file, slowly: two processes at a time would lose increments.
static void count_up(int fd)
{
    int count = 0;
    if (pread(fd, &count, sizeof count, 0) < 0)
        _exit(1);
    usleep(50);
    count++;
    if (pwrite(fd, &count, sizeof count, 0) != sizeof count)
        _exit(1);
}

// Released lock files are removed while other processes are about to lock them. Still, one process at a time
// holds the lock.
static void many_take_turns(void **state)
{
    enum { PROCESSES = 4, TURNS = 100 };
    char *counter = memory_format("%s.other", path_of(state));
    int fd = open(counter, O_RDWR | O_CREAT, 0600), result, count = 0;
    assert_true(fd >= 0);
    for (int process = 0; process < PROCESSES; process++)
        if (fork() == 0) {
            for (int turn = 0, lock; turn < TURNS;) {
                if (store_lock_acquire(path_of(state), &lock) != STATUS_OK)
                    continue;
                count_up(fd);
                store_lock_release(path_of(state), &lock);
                turn++;
            }
            _exit(0);
        }
    for (int process = 0; process < PROCESSES; process++) {
        assert_true(wait(&result) > 0);
        assert_int_equal(result, 0);
    }
    assert_int_equal(pread(fd, &count, sizeof count, 0), sizeof count);
    assert_int_equal(count, PROCESSES * TURNS);
    close(fd);
    free(counter);
}

static void a_directory_that_is_not_there_is_said(void **state)
{
    int lock;
    char path[128];
    snprintf(path, sizeof path, "%s/missing/r.h5", ((struct fixture *)*state)->directory);
    assert_status(store_lock_acquire(path, &lock), STATUS_RESULTS);
    assert_message("its folder is not there; create it");
    assert_false(store_lock_held(path));
}

int main(void)
{
#define LOCK_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        LOCK_TEST(it_is_held_until_released),
        LOCK_TEST(another_process_is_refused_until_the_holder_dies),
        LOCK_TEST(unfinished_files_of_a_killed_holder_are_removed),
        LOCK_TEST(a_dying_rank_is_waited_for),
        LOCK_TEST(many_take_turns),
        LOCK_TEST(a_directory_that_is_not_there_is_said),
    };
    return cmocka_run_group_tests_name("store_lock", tests, NULL, NULL);
}
