// The lines that `run` prints while a sweep is trained.
#include "driver/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char text[] = "name: two\n"
                           "task: mlp-inverse\n"
                           "model: deep-sets\n"
                           "axes: {seed: [1, 2]}\n"
                           "unknowns: 15\n"
                           "equation_ratio: 2\n"
                           "training: {steps: 100, batch: 64}\n"
                           "evaluation: {generators: 256, direct_fit: 16384}\n";

// The last evaluation of a run comes after its last step. Until it ends, the work is not done.
static void test_last_evaluation_is_not_100_percent(void **state)
{
    (void)state;
    struct sweep *sweep = NULL;
    struct progress *progress;
    char *printed = NULL;
    size_t length;
    assert_int_equal(sweep_create("two.yaml", text, 0, NULL, &sweep), STATUS_OK);
    FILE *err = open_memstream(&printed, &length);
    progress_create(PROGRESS_LINES, sweep, err, &progress);
    for (int64_t run = 0; run < 2; run++) {
        progress_begin(progress, run, 0, true);
        progress_started(progress, run, 1);
        progress_at(progress, run, 100, 0.5, 1);
    }
    progress_finished(progress, 0, "done", 0.9); // the next tick prints
    progress_tick(progress);
    fflush(err);
    assert_non_null(strstr(printed, "1 of 2 runs"));
    assert_true(atoi(strchr(printed, '\n') + 1) < 90); // the second line
    assert_non_null(strstr(printed, "step 100 of 100, loss 0.5, 100 steps/s, last evaluation"));
    assert_null(strstr(printed, "100 %"));
    progress_finished(progress, 1, "done", 0.9);
    progress_tick(progress);
    fclose(err);
    assert_non_null(strstr(printed, "100 %  2 of 2 runs"));
    free(printed);
    progress_destroy(&progress);
    sweep_destroy(&sweep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_last_evaluation_is_not_100_percent)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
