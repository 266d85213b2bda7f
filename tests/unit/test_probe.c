// Commands use a results file only if it has the columns that they all use.
#include "driver/probe_file.h"
#include "store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

// The fixture's settings are whole and match their checksum, but are not those of a sweep.
static void missing_column_is_named(void **state)
{
    const char *path = ((struct fixture *)*state)->path;
    struct store_view *view = NULL;
    assert_int_equal(fixture_create(path, ""), STATUS_OK);
    assert_int_equal(probe_file_view(path, &view), STATUS_RESULTS);
    assert_message("no column `steps` of integers");
    assert_null(view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(missing_column_is_named, fixture_setup, fixture_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
