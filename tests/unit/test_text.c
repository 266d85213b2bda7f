// Text from outside, made fit for a terminal.
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect(void (*add)(struct text *, const char *), const char *given, const char *expected)
{
    struct text text = {0};
    add(&text, "");
    add(&text, given);
    assert_string_equal(text.chars ? text.chars : "", expected);
    text_free(&text);
}

static void test_plain_text_stays(void **state)
{
    (void)state;
    const char *plain = "a name, \"é\", 中文, 🦆 and a \\ too";
    expect(text_add_visible, plain, plain);
    expect(text_add_visible, "", "");
}

static void test_control_characters(void **state)
{
    (void)state;
    expect(text_add_visible, "\033[31mred\007\r\n\tx\177", "\\x1b[31mred\\x07\\x0d\\n\\tx\\x7f");
    expect(text_add_visible, "\302\233 31m", "\\xc2\\x9b 31m"); // U+009B begins a sequence, too
    expect(text_add_visible_lines, "one\ntwo\033\n", "one\ntwo\\x1b\n");
}

static void test_bytes_that_are_not_utf8_are_escaped(void **state)
{
    (void)state;
    expect(text_add_visible, "\233 31m", "\\x9b 31m"); // the same in one byte
    expect(text_add_visible, "caf\351", "caf\\xe9");
    expect(text_add_visible, "\343\201", "\\xe3\\x81"); // cut off
    expect(text_add_visible, "\300\233\370", "\\xc0\\x9b\\xf8");
}

static void add_utf8(struct text *text, const char *chars)
{
    text_add_utf8(text, chars, strlen(chars));
}

static void test_programs_read_utf8(void **state)
{
    (void)state;
    expect(add_utf8, "é, 中文, 🦆\n", "é, 中文, 🦆\n");
    expect(add_utf8, "one\304NN", "one\357\277\275NN");
    expect(add_utf8, "\340\200\200", "\357\277\275\357\277\275\357\277\275"); // longer than needed
    expect(add_utf8, "\355\240\200", "\357\277\275\357\277\275\357\277\275"); // a surrogate
    expect(add_utf8, "\364\220\200\200",
           "\357\277\275\357\277\275\357\277\275\357\277\275"); // above U+10FFFF
    expect(text_add_json, "a \"b\\\304\n", "\"\"\"a \\\"b\\\\\357\277\275\\u000a\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_plain_text_stays),
                                       cmocka_unit_test(test_control_characters),
                                       cmocka_unit_test(test_bytes_that_are_not_utf8_are_escaped),
                                       cmocka_unit_test(test_programs_read_utf8)};
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
