// Tables for people, for spreadsheets and for programs.
#include "cli/table.h"

#include "base/memory.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void make_table(struct column_table *table)
{
    *table = (struct column_table){.rows = 2};
    column_add(table, "name", COLUMN_TEXT, "1", "a text")->texts[0] = memory_text("a \"b\", é");
    table->columns[0].texts[1] = memory_text("plain");
    column_add(table, "count", COLUMN_INT, "1", "an integer")->ints[0] = -5;
    table->columns[1].ints[1] = INT64_MIN;
    column_add(table, "r2", COLUMN_REAL, "1", "a real")->reals[0] = 0.98765432109;
    column_add(table, "widths", COLUMN_LIST, "1", "a list")->texts[0] = memory_text("128,256");
    table->columns[3].texts[1] = memory_text("8");
    column_add(table, "note", COLUMN_TEXT, "1", "a text that may be unknown")->texts[1] = memory_text("x");
}

static void expect_printed(void (*print)(const struct column_table *, FILE *), const char *expected)
{
    struct column_table table;
    char *printed = NULL;
    size_t length;
    FILE *out = open_memstream(&printed, &length);
    make_table(&table);
    print(&table, out);
    fclose(out);
    assert_string_equal(printed, expected);
    free(printed);
    column_table_free(&table);
}

static void test_text(void **state)
{
    (void)state;
    expect_printed(table_print_text, "name                     count      r2  widths   note\n"
                                     "a \"b\", é                    -5  0.9877  128,256  \n"
                                     "plain     -9223372036854775808          8        x\n");
}

static void test_text_from_outside(void **state)
{
    (void)state;
    struct column_table table = {.rows = 1};
    char *printed = NULL;
    size_t length;
    FILE *out = open_memstream(&printed, &length);
    column_add(&table, "message", COLUMN_TEXT, "1", "a text")->texts[0] =
        memory_text("\033[2J\n\007all is well");
    table_print_text(&table, out);
    fclose(out);
    assert_string_equal(printed, "message\n\\x1b[2J\\n\\x07all is well\n");
    free(printed);
    column_table_free(&table);
}

static void test_csv(void **state)
{
    (void)state;
    expect_printed(table_print_csv, "name,count,r2,widths,note\n"
                                    "\"a \"\"b\"\", é\",-5,0.98765432109,\"128,256\",\n"
                                    "plain,-9223372036854775808,,8,x\n");
}

static void test_json(void **state)
{
    (void)state;
    expect_printed(table_print_json, "[\n{\"name\": \"a \\\"b\\\", é\", \"count\": -5, \"r2\": "
                                     "0.98765432109, \"widths\": [128, 256], \"note\": null},\n"
                                     "{\"name\": \"plain\", \"count\": -9223372036854775808, \"r2\": null, "
                                     "\"widths\": [8], \"note\": \"x\"}\n]");
}

static void test_empty_json(void **state)
{
    (void)state;
    struct column_table table = {0};
    char *printed = NULL;
    size_t length;
    FILE *out = open_memstream(&printed, &length);
    table_print_json(&table, out);
    fclose(out);
    assert_string_equal(printed, "[]");
    free(printed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text), cmocka_unit_test(test_text_from_outside), cmocka_unit_test(test_csv),
        cmocka_unit_test(test_json), cmocka_unit_test(test_empty_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
