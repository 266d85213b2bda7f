// Results files: creation, reading, writing, and the files that are refused.
#include "base/memory.h"
#include "store_fixture.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <hdf5.h>

static float parameters[PARAMETERS];

static const char *path_of(void **state)
{
    return ((struct fixture *)*state)->path;
}

static struct store_view *view_of(const char *path)
{
    struct store_view *view = NULL;
    if (store_view_open(path, &view) != STATUS_OK)
        fail_msg("%s", status_message());
    return view;
}

static struct store *open_alone(const char *path)
{
    struct store *store = NULL;
    if (store_open(path, MPI_COMM_SELF, &store) != STATUS_OK)
        fail_msg("%s", status_message());
    return store;
}

static void assert_verified(const char *path)
{
    struct store_verified verified;
    if (store_verify(path, &verified) != STATUS_OK)
        fail_msg("%s", status_message());
    assert_true(verified.checks > RUNS);
    text_free(&verified.foreign);
}

static void assert_fault(const char *path, const char *text)
{
    struct store_verified verified;
    assert_status(store_verify(path, &verified), STATUS_RESULTS);
    text_free(&verified.foreign);
    assert_message(text);
}

static int64_t int_of(const struct store_view *view, const char *column, int run)
{
    return column_find(&view->columns, column)->ints[run];
}

static double real_of(const struct store_view *view, const char *column, int run)
{
    return column_find(&view->columns, column)->reals[run];
}

static const char *text_of(const struct store_view *view, const char *column, int run)
{
    return column_find(&view->columns, column)->texts[run];
}

static enum status write_point(struct store *store, int64_t run, int64_t point, double step, double loss,
                               double r2)
{
    return store_write_curve_point(store, run, point,
                                   &(struct store_point){step, loss, r2, .seconds = (double)point});
}

// Finishes run 0 as done, with curve and model, and run 1 as diverged, with a curve.
static void finish_two(const char *path)
{
    int64_t model;
    struct store *store = open_alone(path);
    for (int point = 0; point < POINTS; point++)
        assert_status(write_point(store, 0, point, 100 * (point + 1), 0.5 / (point + 1), 0.1 * point),
                      STATUS_OK);
    assert_status(store_write_model(store, 0, parameters, &model), STATUS_OK);
    assert_true(model >= 0);
    assert_status(store_write_row(store, 0, RUN_DONE, (double[OUTCOMES]){400, 0.125, 0.875}, model, "",
                                  "openblas here"),
                  STATUS_OK);
    assert_status(write_point(store, 1, 0, 100, 1e30, NAN), STATUS_OK);
    assert_status(store_write_row(store, 1, RUN_DIVERGED, (double[OUTCOMES]){101, INFINITY, NAN}, -1,
                                  "loss is inf", "openblas here"),
                  STATUS_OK);
    assert_status(store_close(&store), STATUS_OK);
}

// ---- creation and reading ----

static void a_new_file_holds_the_plan(void **state)
{
    const char *path = path_of(state);
    size_t length = 200000;
    char *sweep = memory_small(length + 1);
    memset(sweep, 'x', length);
    assert_status(fixture_create(path, sweep), STATUS_OK);

    struct store_view *view = view_of(path);
    assert_int_equal(view->runs, RUNS);
    assert_int_equal(view->points, POINTS);
    assert_int_equal(view->settings, 4);
    assert_int_equal(view->outcomes, OUTCOMES);
    assert_string_equal(view->sweep, sweep);
    assert_string_equal(view->resolved, "name: t\xc3\xa4st\n");
    assert_int_equal(strlen(view->created), strlen("2026-01-31T12:34:56Z"));
    assert_int_equal(column_find(&view->columns, "run_id")->type, COLUMN_TEXT);
    assert_int_equal(column_find(&view->columns, "generator_hidden")->type, COLUMN_LIST);
    assert_string_equal(column_find(&view->columns, "steps_done")->units, "steps");
    assert_string_equal(column_find(&view->columns, "loss")->long_name, "loss of the last batch");
    assert_string_equal(view->columns.columns[view->settings].name, "steps_done");
    assert_string_equal(text_of(view, "generator_hidden", 1), "8,8");
    assert_string_equal(text_of(view, "generator_hidden", 2), "");
    assert_true(int_of(view, "seed", 1) == FIXTURE_SEED);
    for (int run = 0; run < RUNS; run++) {
        assert_string_equal(text_of(view, "run_id", run), fixture_ids[run]);
        assert_int_equal(view->status[run], RUN_PENDING);
        assert_int_equal(int_of(view, "steps_done", run), 0);
        assert_true(isnan(real_of(view, "r2", run)));
        assert_string_equal(text_of(view, "message", run), "");
        assert_int_equal(int_of(view, "row_checksum", run), -1);
    }
    store_view_close(&view);
    assert_null(view);
    assert_verified(path);
    free(sweep);
}

static void what_is_not_reached_reads_as_nan(void **state)
{
    const char *path = path_of(state);
    struct store_point curve[POINTS];
    assert_status(fixture_create(path, ""), STATUS_OK);
    struct store *store = open_alone(path);
    assert_status(write_point(store, 1, 2, 0, 1, 2), STATUS_OK);
    assert_status(write_point(store, 1, POINTS, 0, 1, 2), STATUS_INTERNAL);
    assert_status(store_close(&store), STATUS_OK);
    struct store_view *view = view_of(path);
    assert_status(store_view_curves(view, 1, curve), STATUS_OK);
    for (int point = 0; point < POINTS; point++) {
        const struct store_point *at = &curve[point];
        assert_true(at->step == (point == 2 ? 0 : -1));
        assert_true(point == 2 ? at->loss == 1 && at->r2 == 2 && at->seconds == 2
                               : isnan(at->loss) && isnan(at->r2) && isnan(at->seconds));
    }
    store_view_close(&view);
}

static void rows_curves_and_models_read_back(void **state)
{
    const char *path = path_of(state);
    struct store_point curve[POINTS];
    struct store_parameters *model;
    assert_status(fixture_create(path, ""), STATUS_OK);
    finish_two(path);

    struct store_view *view = view_of(path);
    assert_int_equal(view->status[0], RUN_DONE);
    assert_int_equal(view->status[1], RUN_DIVERGED);
    assert_int_equal(view->status[2], RUN_PENDING);
    assert_int_equal(int_of(view, "steps_done", 0), 400);
    assert_true(real_of(view, "loss", 0) == 0.125 && real_of(view, "r2", 0) == 0.875);
    assert_true(isinf(real_of(view, "loss", 1)) && isnan(real_of(view, "r2", 1)));
    assert_string_equal(text_of(view, "message", 1), "loss is inf");
    assert_string_equal(text_of(view, "arithmetic", 0), "openblas here");
    assert_status(store_view_curves(view, 0, curve), STATUS_OK);
    assert_true(curve[3].step == 400 && curve[3].loss == 0.125 && curve[3].r2 == 0.1 * 3 &&
                curve[3].seconds == 3);
    assert_status(store_view_parameters(view, 0, &model), STATUS_OK);
    assert_int_equal(model->model.tensors, 2);
    assert_string_equal(model->model.tensor[0].name, "net.0.weight");
    assert_string_equal(model->model.tensor[1].name, "net.0.bias");
    assert_true(model->model.tensor[0].rank == 2 && model->model.tensor[0].shape[0] == 3 &&
                model->model.tensor[0].shape[1] == 2000);
    assert_true(model->model.tensor[1].rank == 1 && model->model.tensor[1].offset == 6000 &&
                model->count == PARAMETERS);
    assert_memory_equal(model->values, parameters, sizeof parameters);
    store_parameters_free(&model);
    store_view_close(&view);
    assert_verified(path);
}

static void outcomes_show_while_a_run_goes_on(void **state)
{
    const char *path = path_of(state);
    assert_status(fixture_create(path, ""), STATUS_OK);
    struct store *store = open_alone(path);
    assert_status(store_write_status(store, 2, RUN_RUNNING), STATUS_OK);
    assert_status(store_write_outcome(store, 2, "steps_done", 17), STATUS_OK);
    assert_status(store_write_outcome(store, 2, "loss", 0.25), STATUS_OK);
    assert_status(store_write_outcome(store, 2, "los", 0.25), STATUS_INTERNAL);
    struct store_view *view = view_of(path); // the writer still has the file open
    assert_int_equal(view->status[2], RUN_RUNNING);
    assert_int_equal(int_of(view, "steps_done", 2), 17);
    assert_true(real_of(view, "loss", 2) == 0.25);
    store_view_close(&view);
    assert_verified(path);
    assert_status(store_close(&store), STATUS_OK);
}

static void a_long_message_is_cut_between_characters(void **state)
{
    const char *path = path_of(state);
    char message[STORE_MESSAGE_LENGTH + 10];
    memset(message, 'm', sizeof message);
    memcpy(message + STORE_MESSAGE_LENGTH - 2, "\xc3\xa4",
           2); // the cut falls between the two bytes of one character
    message[sizeof message - 1] = '\0';
    assert_status(fixture_create(path, ""), STATUS_OK);
    struct store *store = open_alone(path);
    assert_status(store_write_row(store, 0, RUN_FAILED, (double[OUTCOMES]){NAN, NAN, NAN}, -1, message, NULL),
                  STATUS_OK);
    assert_status(store_close(&store), STATUS_OK);
    struct store_view *view = view_of(path);
    assert_int_equal(strlen(text_of(view, "message", 0)), STORE_MESSAGE_LENGTH - 2);
    assert_int_equal(int_of(view, "steps_done", 0), 0); // a count has no NaN
    store_view_close(&view);
    assert_verified(path);
}

// Only raw data may change after creation: metadata written while other ranks write would destroy the file.
static void opening_and_closing_changes_no_byte(void **state)
{
    const char *path = path_of(state);
    assert_status(fixture_create(path, ""), STATUS_OK);
    uint32_t before = file_crc(path);
    struct store *store = open_alone(path);
    assert_int_equal(file_crc(path), before);
    assert_status(store_close(&store), STATUS_OK);
    assert_int_equal(file_crc(path), before);
}

static void writing_changes_no_length(void **state)
{
    const char *path = path_of(state);
    static char payload[PAYLOAD];
    struct stat before, after;
    assert_status(fixture_create(path, ""), STATUS_OK);
    assert_int_equal(stat(path, &before), 0);
    finish_two(path);
    struct store *store = open_alone(path);
    assert_status(store_write_status(store, 2, RUN_RUNNING), STATUS_OK);
    assert_status(store_write_checkpoint(store, 2, 1, &(struct store_segment){payload, PAYLOAD}, 1, NULL, 0),
                  STATUS_OK);
    assert_status(store_close(&store), STATUS_OK);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_size, before.st_size);
    assert_verified(path);
}

// ---- refusals ----

static void assert_refused(const char *path, const char *text)
{
    struct store_view *view;
    struct store *store;
    struct store_verified verified;
    assert_status(store_view_open(path, &view), STATUS_RESULTS);
    assert_message(text);
    assert_null(view);
    assert_status(store_verify(path, &verified), STATUS_RESULTS);
    text_free(&verified.foreign);
    assert_message(text);
    assert_status(store_open(path, MPI_COMM_SELF, &store), STATUS_RESULTS);
    assert_null(store);
}

static void write_text_file(const char *path, const char *text)
{
    FILE *stream = fopen(path, "w");
    assert_non_null(stream);
    fputs(text, stream);
    fclose(stream);
}

static void other_files_are_refused(void **state)
{
    const char *path = path_of(state);
    assert_refused(path, "no such file");
    write_text_file(path, "");
    assert_refused(path, "is not an HDF5 file");
    write_text_file(path, "name: quick\n");
    assert_refused(path, "is not an HDF5 file");
    assert_refused("/", "");
}

static void write_foreign_file(const char *path, int schema)
{
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), space = H5Screate(H5S_SCALAR);
    if (schema) {
        hid_t attribute = H5Acreate2(file, "schema_version", H5T_NATIVE_INT, space, H5P_DEFAULT, H5P_DEFAULT);
        H5Awrite(attribute, H5T_NATIVE_INT, &schema);
        H5Aclose(attribute);
    }
    H5Sclose(space);
    assert_true(H5Fclose(file) >= 0);
}

static void other_hdf5_files_are_refused(void **state)
{
    const char *path = path_of(state);
    write_foreign_file(path, 0);
    assert_refused(path, "is not a weightsweep results file (no attribute `schema_version`)");
    write_foreign_file(path, 3);
    assert_refused(path, "schema version 3");
    write_foreign_file(path, 2); // has the schema version of a results file and no content
    assert_refused(path, "is damaged");
}

static void a_truncated_file_is_refused(void **state)
{
    const char *path = path_of(state);
    assert_status(fixture_create(path, ""), STATUS_OK);
    struct stat file;
    assert_int_equal(stat(path, &file), 0);
    static const double fractions[] = {0.99, 0.5, 0.1, 0.001};
    for (size_t i = 0; i < sizeof fractions / sizeof *fractions; i++) {
        assert_int_equal(truncate(path, (off_t)((double)file.st_size * fractions[i])), 0);
        assert_refused(path, "is damaged");
    }
}

static void a_file_that_exists_is_not_made_again(void **state)
{
    const char *path = path_of(state);
    assert_status(fixture_create(path, ""), STATUS_OK);
    uint32_t before = file_crc(path);
    assert_status(fixture_create(path, ""), STATUS_RESULTS);
    assert_message("exists already");
    assert_int_equal(file_crc(path), before);
}

static void a_link_to_nothing_is_not_replaced(void **state)
{
    const char *path = path_of(state);
    assert_int_equal(symlink("nowhere/r.h5", path), 0);
    assert_status(fixture_create(path, ""), STATUS_RESULTS);
    assert_message("is a link to a file that is not there");
}

// ---- damage ----

static void flip_is_found(const char *path, const void *bytes, size_t length, size_t at, const char *text)
{
    long offset = find_bytes(path, bytes, length) + (long)at;
    flip(path, offset, 4);
    assert_fault(path, text);
    flip(path, offset, 4);
}

static void every_flipped_bit_is_found(void **state)
{
    const char *path = path_of(state);
    assert_status(fixture_create(path, "name: flip-the-sweep\n"), STATUS_OK);
    finish_two(path);
    flip_is_found(path, "flip-the-sweep", 14, 3, "settings do not match");
    char stored[20] = {12}; // HDF5's heap stores a text's length in 8 bytes before the text
    memcpy(stored + 8, fixture_ids[1], 12);
    flip_is_found(path, stored, sizeof stored, 19, "settings do not match");
    flip_is_found(path, &(int64_t){FIXTURE_SEED}, 8, 0, "settings do not match");
    flip_is_found(path, (const double[]){0.875, NAN}, 16, 2, "run 00000000000a: its row does not match");
    flip_is_found(path, "loss is inf", 11, 2, "run 00000000000b: its row does not match");
    flip_is_found(path, "openblas here", 13, 0, "run 00000000000a: its row does not match");
    flip_is_found(path, (const double[]){100, 200, 300, 400}, 32, 5,
                  "run 00000000000a: its curves do not match");
    flip_is_found(path, &(double){1e30}, 8, 5, "run 00000000000b: its curves do not match");
    flip_is_found(path, parameters, 8, 2, "run 00000000000a: its model does not match");
    long status = find_bytes(path, (const uint8_t[]){RUN_DONE, RUN_DIVERGED, RUN_PENDING, 144, 1},
                             5); // steps_done, 400, follows
    flip(path, status, RUN_DONE ^ RUN_FAILED);
    assert_fault(path, "run 00000000000a: its row does not match");
    flip(path, status, RUN_DONE ^ RUN_FAILED);
    flip(path, status, 0x40);
    assert_fault(path, "run 0 has status 66");
    flip(path, status, 0x40);
    assert_verified(path);
}

// Another program may add objects to the file; HDF5 then moves metadata.
static void additions_are_foreign(void **state)
{
    const char *path = path_of(state), *note = "mine";
    assert_status(fixture_create(path, ""), STATUS_OK);
    finish_two(path);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), space = H5Screate(H5S_SCALAR),
          text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, H5T_VARIABLE);
    static const char *const objects[] = {"/", "r2", "seed", "models/00000000000a", "checkpoints"};
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
        hid_t attribute =
            H5Acreate_by_name(file, objects[i], "note", text, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        assert_true(H5Awrite(attribute, text, &note) >= 0);
        H5Aclose(attribute);
    }
    assert_true(H5Ocopy(file, "r2", file, "copy", H5P_DEFAULT, H5P_DEFAULT) >=
                0); // the copy has the attribute `role` too
    assert_true(H5Lcreate_soft("nowhere", file, "link", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    H5Tclose(text);
    H5Sclose(space);
    assert_true(H5Fclose(file) >= 0);
    struct store_verified verified;
    assert_status(store_verify(path, &verified), STATUS_OK);
    assert_string_equal(
        verified.foreign.chars,
        "\n  attribute `note` of the file\n  attribute `note` of seed\n  attribute `note` of r2\n  copy\n  "
        "link\n  attribute `note` of models/00000000000a\n  attribute `note` of checkpoints");
    text_free(&verified.foreign);
}

static void all_faults_are_listed(void **state)
{
    const char *path = path_of(state);
    assert_status(fixture_create(path, ""), STATUS_OK);
    finish_two(path);
    flip(path, find_bytes(path, parameters, 8), 1);
    flip(path, find_bytes(path, "loss is inf", 11), 1);
    assert_fault(path, "2 faults:\n  run 00000000000a: its model");
    assert_message("\n  run 00000000000b: its row");
}

// ---- limits of the file system ----

// Runs in a child process: HDF5 cannot close a file whose data cannot be written.
static void create_with_small_limit(const char *path)
{
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = 4096, .rlim_max = 4096});
    enum status status = fixture_create(path, "");
    _exit(status == STATUS_MACHINE && strstr(status_message(), "File too large") ? 0 : 1);
}

static void a_file_that_cannot_be_made_leaves_nothing(void **state)
{
    const struct fixture *fixture = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/missing/r.h5", fixture->directory);
    assert_status(fixture_create(path, ""), STATUS_USAGE);
    assert_message("its folder is not there");

    int result;
    pid_t child = fork();
    if (child == 0)
        create_with_small_limit(fixture->path);
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    snprintf(path, sizeof path, "%s.part", fixture->path);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(access(fixture->path, F_OK), -1);
}

// Fills the file system.
static void fill_disk(const char *path)
{
    static const char zeros[4096];
    FILE *stream = fopen(path, "w");
    assert_non_null(stream);
    setvbuf(stream, NULL, _IONBF, 0);
    while (fwrite(zeros, 1, sizeof zeros, stream) == sizeof zeros)
        ;
    fclose(stream);
}

static void a_full_disk_is_said_and_survived(void **state)
{
    const struct fixture *fixture = *state;
    char path[128], filler[128], payload[PAYLOAD];
    memset(payload, 'p', sizeof payload);
    const struct store_segment segment = {payload, sizeof payload};
    if (mount("tmpfs", fixture->directory, "tmpfs", 0, "size=2m") != 0)
        skip(); // only root can mount a file system
    snprintf(path, sizeof path, "%s/r.h5", fixture->directory);
    snprintf(filler, sizeof filler, "%s/filler", fixture->directory);

    fill_disk(filler);
    assert_status(fixture_create(path, ""), STATUS_MACHINE);
    assert_message("disk full while writing a new results file; free space and run the same command again");
    unlink(filler);
    assert_status(fixture_create(path, ""), STATUS_OK);

    struct store *store = open_alone(path);
    int64_t model;
    fill_disk(filler);
    assert_status(store_write_checkpoint(store, 0, 1, &segment, 1, NULL, 0), STATUS_MACHINE);
    assert_message("disk full while writing a checkpoint");
    assert_status(store_write_model(store, 2, parameters, &model), STATUS_MACHINE);
    assert_message("disk full while writing a model");
    unlink(filler);
    assert_status(store_write_checkpoint(store, 0, 1, &segment, 1, NULL, 0), STATUS_OK);
    assert_status(store_write_model(store, 2, parameters, &model), STATUS_OK);
    assert_status(store_close(&store), STATUS_OK);
    assert_verified(path);
    unlink(path);
    assert_int_equal(umount(fixture->directory), 0);
}

static void the_library_says_what_it_is(void **state)
{
    (void)state;
    char *library = store_library();
    assert_non_null(strstr(library, "HDF5 1."));
    free(library);
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_new_file_holds_the_plan),
        STORE_TEST(what_is_not_reached_reads_as_nan),
        STORE_TEST(rows_curves_and_models_read_back),
        STORE_TEST(outcomes_show_while_a_run_goes_on),
        STORE_TEST(a_long_message_is_cut_between_characters),
        STORE_TEST(opening_and_closing_changes_no_byte),
        STORE_TEST(writing_changes_no_length),
        STORE_TEST(other_files_are_refused),
        STORE_TEST(other_hdf5_files_are_refused),
        STORE_TEST(a_truncated_file_is_refused),
        STORE_TEST(a_file_that_exists_is_not_made_again),
        STORE_TEST(a_link_to_nothing_is_not_replaced),
        STORE_TEST(every_flipped_bit_is_found),
        STORE_TEST(additions_are_foreign),
        STORE_TEST(all_faults_are_listed),
        STORE_TEST(a_file_that_cannot_be_made_leaves_nothing),
        STORE_TEST(a_full_disk_is_said_and_survived),
        cmocka_unit_test(the_library_says_what_it_is),
    };
    for (int i = 0; i < PARAMETERS; i++)
        parameters[i] = (float)i + 0.5f;
    MPI_Init(NULL, NULL);
    int failed = cmocka_run_group_tests_name("store", tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
