// Numbers read from text, and how much memory can be asked for.
#include "base/memory.h"
#include "base/number.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } cases[] = {
        {"0", 0},
        {"-5", -5},
        {"+7", 7},
        {"1e5", 100000},
        {"12E2", 1200},
        {"1.5e3", 1500},
        {"2.5e1", 25},
        {"50e-1", 5},
        {"9007199254740993", 9007199254740993},
        {"9223372036854775807", INT64_MAX},
        {"9223372036854775808", INT64_MAX},
        {"-9223372036854775809", INT64_MIN},
        {"1e19", INT64_MAX},
        {"1e999", INT64_MAX},
        {"-1e999", INT64_MIN},
    };
    static const char *const others[] = {"",     " 1",  "1 ", "1.0", "1.55e1", "1e-3",
                                         "0x10", "one", "1e", "nan", "inf",    "--1"};
    int64_t value;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(number_integer(cases[i].text, &value));
        assert_true(value == cases[i].value);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(number_integer(others[i], &value));
}

static void test_reals(void **state)
{
    (void)state;
    static const char *const others[] = {"", " 1", "0x1p3", "nan", "inf", "1,5", "1e5x", "."};
    double value;
    assert_true(number_real("-1.5e-3", &value) && value == -1.5e-3);
    assert_true(number_real(".5", &value) && value == 0.5);
    assert_true(number_real("1e999", &value) && isinf(value));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(number_real(others[i], &value));
}

// Sizes are rounded up to a cache line, and to a huge page.
static void test_sizes_near_the_end_of_memory(void **state)
{
    (void)state;
    for (size_t below = 0; below < (size_t)5 << 20; below += 4093) {
        void *memory = &below;
        assert_int_equal(memory_alloc(SIZE_MAX - below, &memory), STATUS_MEMORY);
        assert_null(memory);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_reals),
        cmocka_unit_test(test_sizes_near_the_end_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
