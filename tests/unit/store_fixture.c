#include "store_fixture.h"

#include "base/hash.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <hdf5.h>

const char *const fixture_ids[RUNS] = {"00000000000a", "00000000000b", "00000000000c"};

int fixture_setup(void **state)
{
    struct fixture *fixture = memory_small(sizeof *fixture);
    const char *home = getenv("TMPDIR");
    snprintf(fixture->directory, sizeof fixture->directory, "%.40s/store-XXXXXX", home ? home : "/tmp");
    if (!mkdtemp(fixture->directory))
        return -1;
    snprintf(fixture->path, sizeof fixture->path, "%s/r.h5", fixture->directory);
    *state = fixture;
    return 0;
}

int fixture_teardown(void **state)
{
    if (H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) != 0)
        return -1; // the store left an HDF5 id open
    struct fixture *fixture = *state;
    static const char *const leftovers[] = {"", ".part", ".grown", ".lock", ".other"};
    for (size_t i = 0; i < sizeof leftovers / sizeof *leftovers; i++) {
        char *path = memory_format("%s%s", fixture->path, leftovers[i]);
        unlink(path);
        free(path);
    }
    int result = rmdir(fixture->directory); // fails if the store left another file
    free(fixture);
    return result;
}

static void describe(const void *context, int64_t run, struct store_model *model)
{
    (void)context, (void)run;
    *model = (struct store_model){.tensors = 2,
                                  .tensor = {{"net.0.weight", 2, {3, 2000}, 0}, {"net.0.bias", 1, {3}, 6000}},
                                  .checkpoint_bytes = PAYLOAD};
}

enum status fixture_create(const char *path, const char *sweep)
{
    static const struct column outcomes[OUTCOMES] = {
        [STEPS_DONE] = {"steps_done", "steps", "steps done", COLUMN_INT, {NULL}},
        [LOSS] = {"loss", "1", "loss of the last batch", COLUMN_REAL, {NULL}},
        [R2] = {"r2", "1", "R^2", COLUMN_REAL, {NULL}},
    };
    struct column_table settings = {.rows = RUNS};
    char **texts = column_add(&settings, "run_id", COLUMN_TEXT, "1", "identity")->texts;
    for (int run = 0; run < RUNS; run++)
        texts[run] = memory_text(fixture_ids[run]);
    texts = column_add(&settings, "generator_hidden", COLUMN_LIST, "1", "widths")->texts;
    texts[0] = memory_text("5");
    texts[1] = memory_text("8,8"); // texts[2] stays NULL
    column_add(&settings, "seed", COLUMN_INT, "1", "seed")->ints[1] = FIXTURE_SEED;
    column_add(&settings, "learning_rate", COLUMN_REAL, "1", "rate")->reals[2] = 1e-3;
    const struct store_plan plan = {.sweep = sweep,
                                    .resolved = "name: t\xc3\xa4st\n",
                                    .versions = "{\"arithmetic\": \"here\"}",
                                    .settings = &settings,
                                    .outcomes = outcomes,
                                    .outcome_count = OUTCOMES,
                                    .points = POINTS,
                                    .model = describe};
    enum status status = store_create(path, &plan);
    column_table_free(&settings);
    return status;
}

void assert_message(const char *text)
{
    if (!strstr(status_message(), text))
        fail_msg("the message is: %s\nit should hold: %s", status_message(), text);
}

static char *read_file(const char *path, size_t *length)
{
    struct stat file;
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    assert_int_equal(fstat(fileno(stream), &file), 0);
    *length = (size_t)file.st_size;
    char *bytes = memory_small(*length);
    assert_int_equal(fread(bytes, 1, *length, stream), *length);
    fclose(stream);
    return bytes;
}

long find_bytes(const char *path, const void *bytes, size_t length)
{
    size_t size;
    char *file = read_file(path, &size), *found = memmem(file, size, bytes, length);
    long offset = found ? found - file : -1;
    free(file);
    assert_true(offset >= 0);
    return offset;
}

void flip(const char *path, long offset, int mask)
{
    FILE *stream = fopen(path, "r+b");
    assert_non_null(stream);
    fseek(stream, offset, SEEK_SET);
    int byte = fgetc(stream);
    assert_true(byte != EOF);
    fseek(stream, offset, SEEK_SET);
    fputc(byte ^ mask, stream);
    assert_int_equal(fclose(stream), 0);
}

uint32_t file_crc(const char *path)
{
    size_t length;
    char *bytes = read_file(path, &length);
    uint32_t crc = hash_crc32(0, bytes, length);
    free(bytes);
    return crc;
}
