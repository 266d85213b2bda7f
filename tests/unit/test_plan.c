// The plan command as main calls it: options, what is printed where, and the totals.
#include "cli/commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ARGUMENTS_MAX = 12 };

struct printed {
    char *out, *err;
};

// Runs `plan` with the arguments, which end with NULL.
static enum status plan(struct printed *printed, const char *const *arguments)
{
    char *argv[ARGUMENTS_MAX + 2] = {"plan"};
    int argc = 1;
    size_t out_length, err_length;
    for (; *arguments; arguments++)
        argv[argc++] = (char *)*arguments;
    struct command command = {.out = open_memstream(&printed->out, &out_length),
                              .err = open_memstream(&printed->err, &err_length),
                              .comm = MPI_COMM_NULL};
    enum status status = command_plan(&command, argc, argv);
    fclose(command.out);
    fclose(command.err);
    return status;
}

static void free_printed(struct printed *printed)
{
    free(printed->out);
    free(printed->err);
}

#define PLAN(printed, ...) plan((printed), (const char *const[]){__VA_ARGS__, NULL})

static void expect_part(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("expected\n%s\nin\n%s", part, text);
}

static int lines_of(const char *text)
{
    int lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static void test_table(void **state)
{
    (void)state;
    struct printed printed;
    assert_int_equal(PLAN(&printed, "tests/unit/plan.yaml"), STATUS_OK);
    expect_part(printed.out,
                "run_id        equation_ratio  equations  parameters  GFLOP/step  TFLOP  MB/rank\n"
                "b8854636993b            1.33         20      134287       1.588   4.12");
    expect_part(printed.out, "\n3 runs, 17.03 TFLOP, results file ");
    assert_string_equal(printed.err, "");
    free_printed(&printed);
}

static void test_long_tables_are_cut_short(void **state)
{
    (void)state;
    struct printed printed;
    const char *batches = "batch=[4,8,12,16,20,24,28,32,36,40,44,48,52,56,60]"; // 15 times 3 runs
    assert_int_equal(PLAN(&printed, "tests/unit/plan.yaml", "--set", batches), STATUS_OK);
    assert_int_equal(lines_of(printed.out), 1 + 40 + 1 + 2);
    expect_part(printed.out, "\n... and 5 more (--format csv lists all)\n");
    free_printed(&printed);
    assert_int_equal(PLAN(&printed, "tests/unit/plan.yaml", "--set", batches, "--format", "csv"), STATUS_OK);
    assert_int_equal(lines_of(printed.out), 1 + 45);
    free_printed(&printed);
}

static void test_json(void **state)
{
    (void)state;
    struct printed printed;
    assert_int_equal(
        PLAN(&printed, "--format", "json", "tests/unit/plan.yaml", "--set", "seed=7", "--ranks", "1,3"),
        STATUS_OK);
    assert_int_equal(strncmp(printed.out, "{\"runs\": [\n{\"run_id\": \"", 22), 0);
    expect_part(printed.out, "\"equations\": 45, \"embed_dim\": 128, \"pooling\": \"mean\", \"seed\": 7, ");
    expect_part(printed.out, "\"generator_hidden\": [5], ");
    expect_part(
        printed.out,
        "\"totals\": {\"runs\": 3, \"parameters\": 402861, \"steps\": 7500, \"flops\": 17025993424896");
    expect_part(printed.out, "\"ranks\": [{\"ranks\": 1, \"seconds\": 213.3");
    expect_part(printed.out, "\"efficiency\": 1, \"bound_seconds\": 212.8");
    free_printed(&printed);
}

// Three runs of 4.12, 5.45 and 7.45 TFLOP at 80 GFLOP/s a rank.
static void test_ranks(void **state)
{
    (void)state;
    struct printed printed;
    assert_int_equal(PLAN(&printed, "tests/unit/plan.yaml", "--ranks", "1,2,3,6,64"), STATUS_OK);
    expect_part(printed.out,
                "1 rank: 3.56 min, efficiency 100 %\n"
                "2 ranks: 107 s, efficiency 100 %\n" // 7.45 | 5.45 + 4.12, and both on the last
                "3 ranks: 73 s, efficiency 98 %\n"
                "6 ranks: 37.2 s, efficiency 97 %\n"
                "64 ranks: 24.4 s, efficiency 14 %\n" // four each: there are four shards
                "(simulated, assuming 80 GFLOP/s per rank; --rates FILE uses measured throughput)\n");
    free_printed(&printed);
    assert_int_equal(PLAN(&printed, "tests/unit/plan.yaml", "--ranks", "2", "--format", "csv"), STATUS_OK);
    assert_null(strstr(printed.out, "efficiency"));
    expect_part(printed.err, "2 ranks: 107 s, efficiency 100 %\n");
    free_printed(&printed);
}

static void test_help(void **state)
{
    (void)state;
    struct printed printed;
    assert_int_equal(PLAN(&printed, "--help"), STATUS_HELP);
    expect_part(printed.out, "example: weightsweep plan sweeps/quick.yaml");
    expect_part(printed.out, "training.steps             30000            an integer from 1 to");
    free_printed(&printed);
}

static void test_bad_usage(void **state)
{
    (void)state;
    static const struct {
        const char *arguments[ARGUMENTS_MAX];
        const char *message;
    } cases[] = {
        {{NULL}, "plan: expected one sweep file, got 0; see `weightsweep plan --help`"},
        {{"a.yaml", "b.yaml"}, "plan: expected one sweep file, got 2"},
        {{"--frobnicate"}, "plan: unknown option --frobnicate; see `weightsweep plan --help`"},
        {{"a.yaml", "--set"}, "plan: --set needs a value (KEY=VALUE)"},
        {{"a.yaml", "--ranks", "0"}, "--ranks 0: expected numbers of ranks from 1 to"},
        {{"a.yaml", "--ranks", "4,"}, "--ranks 4,: expected numbers of ranks"},
        {{"a.yaml", "--ranks", "four"}, "--ranks four: expected numbers of ranks"},
        {{"tests/unit/plan.yaml", "--timeline"},
         "plan --timeline: expected --ranks with one number of ranks"},
        {{"tests/unit/plan.yaml", "--rates", "no/such"}, "--rates no/such: cannot be opened: No such file"},
        {{"a.yaml", "--format", "xml"}, "--format xml: unknown format; expected `table`, `csv` or `json`"},
        {{"no/such.yaml"}, "no/such.yaml: cannot be opened: No such file"},
        {{"tests/unit/plan.yaml", "--set", "steps=0"}, "--set steps: `0` is too small; expected"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct printed printed;
        assert_int_equal(plan(&printed, cases[i].arguments), STATUS_USAGE);
        expect_part(status_message(), cases[i].message);
        assert_string_equal(printed.out, "");
        assert_string_equal(printed.err, ""); // main prints the message
        free_printed(&printed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table), cmocka_unit_test(test_long_tables_are_cut_short),
        cmocka_unit_test(test_json),  cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_help),  cmocka_unit_test(test_bad_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
