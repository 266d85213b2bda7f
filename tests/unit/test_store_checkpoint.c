// Two checkpoint slots per run: readers take the newest whole slot after a kill or a disk error, and verify
// distinguishes the two causes.
#include "base/hash.h"
#include "store/checkpoint.h"
#include "store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SCALARS = 24 };

// Writes a checkpoint of two parts in which every byte encodes the step.
struct payload {
    char scalars[SCALARS], rest[PAYLOAD - SCALARS];
};

static struct store *store;

static int setup(void **state)
{
    if (fixture_setup(state) != 0)
        return -1;
    const char *path = ((struct fixture *)*state)->path;
    return fixture_create(path, "") == STATUS_OK && store_open(path, MPI_COMM_SELF, &store) == STATUS_OK ? 0
                                                                                                         : -1;
}

static int teardown(void **state)
{
    return store_close(&store) == STATUS_OK && fixture_teardown(state) == 0 ? 0 : -1;
}

static void segments_of(struct payload *payload, struct store_segment segments[2])
{
    segments[0] = (struct store_segment){payload->scalars, sizeof payload->scalars};
    segments[1] = (struct store_segment){payload->rest, sizeof payload->rest};
}

static void write_step(int64_t run, int step)
{
    struct payload payload;
    struct store_segment segments[2];
    memset(&payload, step, sizeof payload);
    segments_of(&payload, segments);
    assert_status(store_write_checkpoint(store, run, step, segments, 2, NULL, 0), STATUS_OK);
}

// Returns the step of the newest whole checkpoint, 0 if there is none.
static int read_step(int64_t run)
{
    struct payload payload, expected;
    struct store_segment segments[2];
    int64_t step;
    bool found;
    segments_of(&payload, segments);
    assert_status(store_read_checkpoint(store, run, &step, segments, 2, NULL, &found), STATUS_OK);
    if (!found)
        return 0;
    memset(&expected, (int)step, sizeof expected);
    assert_memory_equal(&payload, &expected, sizeof payload);
    return (int)step;
}

static void assert_verified(const char *path)
{
    struct store_verified verified;
    if (store_verify(path, &verified) != STATUS_OK)
        fail_msg("%s", status_message());
}

static void assert_fault(const char *path, const char *text)
{
    struct store_verified verified;
    assert_status(store_verify(path, &verified), STATUS_RESULTS);
    text_free(&verified.foreign);
    assert_message(text);
}

// Returns the offset of the payload of the slot that holds `step`.
static long payload_of(const char *path, int step)
{
    char bytes[PAYLOAD];
    memset(bytes, step, sizeof bytes);
    return find_bytes(path, bytes, sizeof bytes);
}

static const char *path_of(void **state)
{
    return ((struct fixture *)*state)->path;
}

static void there_is_none_at_first(void **state)
{
    assert_int_equal(read_step(0), 0);
    assert_verified(path_of(state));
}

static void the_newest_is_read(void **state)
{
    for (int step = 1; step <= 5; step++) {
        write_step(1, step);
        assert_int_equal(read_step(1), step);
        assert_verified(path_of(state));
    }
    write_step(2, 77); // another run writes between the two
    write_step(1, 6);
    assert_int_equal(read_step(2), 77);
    assert_int_equal(read_step(1), 6);
    assert_int_equal(read_step(0), 0);
    payload_of(path_of(state), 5); // the previous checkpoint is still there
}

static void another_process_goes_on(void **state)
{
    write_step(1, 1);
    write_step(1, 2);
    assert_status(store_close(&store), STATUS_OK);
    assert_status(store_open(path_of(state), MPI_COMM_SELF, &store), STATUS_OK);
    write_step(1, 3); // no read before the write
    assert_int_equal(read_step(1), 3);
    payload_of(path_of(state), 2);
}

static void slots_start_on_blocks(void **state)
{
    write_step(0, 1);
    write_step(0, 2);
    long first = payload_of(path_of(state), 1), second = payload_of(path_of(state), 2);
    assert_int_equal(first % SLOT_BLOCK, 0);
    assert_int_equal(second - first, slot_bytes(PAYLOAD + POINTS * sizeof(struct store_point)));
}

// ---- slots after a kill ----

static void a_first_checkpoint_torn_is_none(void **state)
{
    write_step(0, 1);
    long header = payload_of(path_of(state), 1) - SLOT_BLOCK;
    FILE *stream = fopen(path_of(state), "r+b"); // a kill before the header is written
    assert_non_null(stream);
    fseek(stream, header, SEEK_SET);
    for (int i = 0; i < SLOT_BLOCK; i++)
        fputc(0, stream);
    fclose(stream);
    assert_verified(path_of(state));
    assert_int_equal(read_step(0), 0);
}

static void a_later_one_torn_leaves_the_one_before(void **state)
{
    write_step(0, 1);
    write_step(0, 2);
    flip(path_of(state), payload_of(path_of(state), 1) + 5000,
         0xff); // a kill while the third checkpoint overwrites the first
    assert_verified(path_of(state));
    assert_int_equal(read_step(0), 2);
    write_step(0, 3);
    assert_int_equal(read_step(0), 3);
    payload_of(path_of(state), 2); // the third checkpoint replaced the torn one
}

// ---- slots after a disk error ----

static void a_damaged_newest_is_a_fault_and_falls_back(void **state)
{
    write_step(0, 1);
    write_step(0, 2);
    flip(path_of(state), payload_of(path_of(state), 2) + PAYLOAD - 1, 1);
    assert_fault(path_of(state), "run 00000000000a: its newest checkpoint does not match its checksum");
    assert_int_equal(read_step(0), 1);
    assert_verified(path_of(state)); // the slot is empty: the file is as before the checkpoint
    write_step(0, 3);
    assert_int_equal(read_step(0), 3);
    payload_of(path_of(state), 1); // the third checkpoint replaced the damaged one
}

static void a_damaged_header_is_a_fault_and_falls_back(void **state)
{
    write_step(0, 1);
    write_step(0, 2);
    long header = payload_of(path_of(state), 2) - SLOT_BLOCK;
    static const int places[] = {0, 8, 16, 24, 32, 1000, SLOT_BLOCK - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        flip(path_of(state), header + places[i], 0x20);
        assert_fault(path_of(state), "run 00000000000a: the header of a checkpoint slot is damaged");
        assert_int_equal(read_step(0), 1);
        flip(path_of(state), header + places[i], 0x20);
    }
    assert_verified(path_of(state));
    assert_int_equal(read_step(0), 2);
}

static void both_damaged_is_a_start_from_nothing(void **state)
{
    write_step(0, 1);
    write_step(0, 2);
    flip(path_of(state), payload_of(path_of(state), 1), 1);
    flip(path_of(state), payload_of(path_of(state), 2), 1);
    assert_fault(path_of(state), "its newest checkpoint");
    assert_int_equal(read_step(0), 0);
    write_step(0, 3);
    assert_int_equal(read_step(0), 3);
    assert_verified(path_of(state));
}

// ---- curves ----

static void write_curve(int64_t run, int points, const struct store_point curve[POINTS])
{
    static char payload[PAYLOAD];
    const struct store_segment segment = {payload, PAYLOAD};
    assert_status(store_write_checkpoint(store, run, 1, &segment, 1, curve, points), STATUS_OK);
}

static void test_kill_loses_no_point_of_checkpoint(void **state)
{
    struct store_point curve[POINTS], found_curve[POINTS];
    static char payload[PAYLOAD];
    const struct store_segment segment = {payload, PAYLOAD};
    struct store_point read[POINTS];
    int64_t step;
    bool found;
    for (int i = 0; i < POINTS; i++)
        curve[i] = (struct store_point){100 * (i + 1), 0.5, 0.25 * i, i};
    write_curve(1, 3,
                curve); // rank 0 has written only the first of these, and one of a step after the checkpoint
    assert_status(store_write_curve_point(store, 1, 0, &curve[0]), STATUS_OK);
    assert_status(store_write_curve_point(store, 1, 3, &curve[3]), STATUS_OK);
    assert_verified(path_of(state));
    assert_status(store_read_checkpoint(store, 1, &step, &segment, 1, found_curve, &found), STATUS_OK);
    assert_true(found);
    assert_memory_equal(found_curve, curve, 3 * sizeof *curve);

    assert_status(store_restore_curve(store, 1), STATUS_OK);
    struct store_view *view;
    assert_status(store_view_open(path_of(state), &view), STATUS_OK);
    assert_status(store_view_curves(view, 1, read), STATUS_OK);
    store_view_close(&view);
    assert_memory_equal(read, curve, 3 * sizeof *read);
    assert_true(read[3].step == -1);
    assert_verified(path_of(state));

    curve[1].r2 = 1e30; // neither the checkpoint's value nor NaN
    assert_status(store_write_curve_point(store, 1, 1, &curve[1]), STATUS_OK);
    assert_fault(path_of(state), "run 00000000000b: its curves differ from those of its newest checkpoint");
}

static void test_other_version_of_slot_is_named(void **state)
{
    write_step(0, 1);
    long header = payload_of(path_of(state), 1) - SLOT_BLOCK;
    struct slot_header content;
    FILE *stream = fopen(path_of(state), "r+b");
    assert_non_null(stream);
    fseek(stream, header, SEEK_SET);
    assert_int_equal(fread(&content, sizeof content, 1, stream), 1);
    content.version = '7';
    content.header_crc = hash_crc32(0, &content, offsetof(struct slot_header, header_crc));
    fseek(stream, header, SEEK_SET);
    assert_int_equal(fwrite(&content, sizeof content, 1, stream), 1);
    fclose(stream);
    struct payload payload;
    struct store_segment segments[2];
    int64_t step;
    bool found;
    segments_of(&payload, segments);
    assert_status(store_read_checkpoint(store, 0, &step, segments, 2, NULL, &found), STATUS_RESULTS);
    assert_message("a checkpoint of run 00000000000a has version 7; this program reads version 2");
}

static void other_sizes_are_refused(void **state)
{
    (void)state;
    static char bytes[2 * PAYLOAD];
    int64_t step;
    bool found;
    struct store_segment segment = {bytes, sizeof bytes};
    assert_status(store_write_checkpoint(store, 0, 1, &segment, 1, NULL, 0), STATUS_INTERNAL);
    write_step(0, 1);
    segment.length = PAYLOAD - 1;
    assert_status(store_read_checkpoint(store, 0, &step, &segment, 1, NULL, &found), STATUS_RESULTS);
    assert_message("the checkpoint of run 00000000000a holds 10000 bytes; expected 9999");
    assert_status(store_write_checkpoint(store, RUNS, 1, &segment, 1, NULL, 0), STATUS_INTERNAL);
}

int main(void)
{
#define CHECKPOINT_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CHECKPOINT_TEST(there_is_none_at_first),
        CHECKPOINT_TEST(the_newest_is_read),
        CHECKPOINT_TEST(another_process_goes_on),
        CHECKPOINT_TEST(slots_start_on_blocks),
        CHECKPOINT_TEST(a_first_checkpoint_torn_is_none),
        CHECKPOINT_TEST(a_later_one_torn_leaves_the_one_before),
        CHECKPOINT_TEST(a_damaged_newest_is_a_fault_and_falls_back),
        CHECKPOINT_TEST(a_damaged_header_is_a_fault_and_falls_back),
        CHECKPOINT_TEST(both_damaged_is_a_start_from_nothing),
        CHECKPOINT_TEST(test_kill_loses_no_point_of_checkpoint),
        CHECKPOINT_TEST(test_other_version_of_slot_is_named),
        CHECKPOINT_TEST(other_sizes_are_refused),
    };
    MPI_Init(NULL, NULL);
    int failed = cmocka_run_group_tests_name("store_checkpoint", tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
