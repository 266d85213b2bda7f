// Our part of the reader of results files, short of libhdf5: whatever the columns, curves, texts, models and
// checkpoint slots hold, a file is shown or refused. The input patches what a sound file holds; sums over
// what was patched are made good first, as bit 0 to 2 of its first byte say, or the checks would keep
// everything else out of reach.
#include "base/hash.h"
#include "base/memory.h"
#include "cli/table.h"
#include "driver/versions.h"
#include "fuzz.h"
#include "store/checkpoint.h"
#include "store/checksum.h"
#include "store/file_layout.h"
#include "store/h5.h"
#include "store/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FUZZ_RUNS = 2,
    FUZZ_POINTS = 3,
    FUZZ_OUTCOMES = 3,
    REGIONS = 64,
    SUM_SETTINGS = 1,
    SUM_ROWS = 2,
    SUM_SLOTS = 4
};

struct region {
    off_t offset;
    size_t length;
};

static char *sound; // the file's bytes as it was made
static int file;    // is patched
static char directory[32], path[64];
static struct region regions[REGIONS];
static int region_count;
static off_t immutable_offset;
static struct slots slots[FUZZ_RUNS];
enum cell {
    CELL_STEPS_DONE,
    CELL_LOSS,
    CELL_R2,
    CELL_STATUS,
    CELL_MESSAGE,
    CELL_ARITHMETIC,
    CELL_ROW_CHECKSUM,
    CELLS
};
static off_t cells[CELLS]; // where these columns are
static FILE *nowhere;

static const char *const texts[] = {"name: fuzz\n", "resolved: fuzz\n", "{\"arithmetic\": \"a b\"}",
                                    "00000000000a", "00000000000b",     "8,8"};

static void must(bool condition)
{
    if (!condition) {
        fprintf(stderr, "the file to patch cannot be made: %s\n", status_message());
        abort();
    }
}

// ---- the sound file ----

static void describe(const void *context, int64_t run, struct store_model *model)
{
    (void)context, (void)run;
    *model = (struct store_model){
        .tensors = 2, .tensor = {{"a.weight", 2, {2, 3}, 0}, {"a.bias", 1, {3}, 6}}, .checkpoint_bytes = 64};
}

static void create(const char *name)
{
    static const struct column outcomes[FUZZ_OUTCOMES] = {
        {"steps_done", "steps", "steps", COLUMN_INT, {NULL}},
        {"loss", "1", "loss", COLUMN_REAL, {NULL}},
        {"r2", "1", "R^2", COLUMN_REAL, {NULL}}};
    struct column_table settings = {.rows = FUZZ_RUNS};
    char **ids = column_add(&settings, "run_id", COLUMN_TEXT, "1", "identity")->texts;
    ids[0] = memory_text(texts[3]);
    ids[1] = memory_text(texts[4]);
    char **lists = column_add(&settings, "generator_hidden", COLUMN_LIST, "1", "widths")->texts;
    lists[0] = memory_text(texts[5]);
    lists[1] = memory_text("");
    column_add(&settings, "seed", COLUMN_INT, "1", "seed");
    column_add(&settings, "learning_rate", COLUMN_REAL, "1", "rate");
    const struct store_plan plan = {.sweep = texts[0],
                                    .resolved = texts[1],
                                    .versions = texts[2],
                                    .settings = &settings,
                                    .outcomes = outcomes,
                                    .outcome_count = FUZZ_OUTCOMES,
                                    .points = FUZZ_POINTS,
                                    .model = describe};
    must(store_create(name, &plan) == STATUS_OK);
    column_table_free(&settings);
}

static void add_region(off_t offset, size_t length)
{
    must(region_count < REGIONS && length > 0);
    regions[region_count++] = (struct region){offset, length};
}

static herr_t add_dataset(hid_t object, const char *name, const H5O_info_t *info, void *context)
{
    (void)context;
    if (info->type != H5O_TYPE_DATASET)
        return 0;
    hid_t dataset = H5Dopen2(object, name, H5P_DEFAULT), type = H5Dget_type(dataset);
    haddr_t offset = H5Dget_offset(dataset);
    if (strcmp(name, LAYOUT_IMMUTABLE) == 0) {
        immutable_offset = (off_t)offset;
        add_region(immutable_offset, sizeof(struct immutable));
    } else if (offset != HADDR_UNDEF && H5Tis_variable_str(type) <= 0) {
        add_region((off_t)offset, (size_t)H5Dget_storage_size(dataset));
    }
    h5_close(&type);
    h5_close(&dataset);
    return 0;
}

static void find_regions(size_t size)
{
    static const char *const names[CELLS] = {
        "steps_done", "loss", "r2", LAYOUT_STATUS, LAYOUT_MESSAGE, LAYOUT_ARITHMETIC, LAYOUT_ROW_CHECKSUM};
    hid_t access = h5_access(), h5 = H5Fopen(path, H5F_ACC_RDONLY, access);
    must(h5 > 0 && H5Ovisit(h5, H5_INDEX_NAME, H5_ITER_NATIVE, add_dataset, NULL) >= 0);
    for (int cell = 0; cell < CELLS; cell++) {
        hid_t dataset = H5Dopen2(h5, names[cell], H5P_DEFAULT);
        cells[cell] = (off_t)H5Dget_offset(dataset);
        h5_close(&dataset);
    }
    H5Fclose(h5);
    h5_close(&access);
    struct store_view *view;
    must(store_view_open(path, &view) == STATUS_OK);
    for (int run = 0; run < FUZZ_RUNS; run++)
        must(slots_locate(view, run, &slots[run]) == STATUS_OK);
    store_view_close(&view);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *found = memmem(sound, size, texts[i], strlen(texts[i]));
        must(found != NULL);
        add_region(found - sound, strlen(texts[i]));
    }
}

static void clean_up(void)
{
    unlink(path);
    rmdir(directory);
}

static void prepare(void)
{
    struct stat info;
    // In memory where that is possible: each input writes the file anew.
    snprintf(directory, sizeof directory, "%s/fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    must(mkdtemp(directory) != NULL);
    snprintf(path, sizeof path, "%s/results.h5", directory);
    atexit(clean_up);
    create(path);
    file = open(path, O_RDWR);
    must(file >= 0 && fstat(file, &info) == 0);
    size_t size = (size_t)info.st_size;
    sound = memory_small(size);
    must(pread(file, sound, size, 0) == (ssize_t)size);
    find_regions(size);
    nowhere = fopen("/dev/null", "w");
    must(nowhere != NULL);
}

// ---- patches and sums ----

static void restore(void)
{
    for (int i = 0; i < region_count; i++)
        must(pwrite(file, sound + regions[i].offset, regions[i].length, regions[i].offset) ==
             (ssize_t)regions[i].length);
}

// Records of region, offset (two bytes), length (up to 31) and bytes.
static void patch(const uint8_t *data, size_t size)
{
    while (size > 4) {
        const struct region *region = &regions[data[0] % region_count];
        size_t offset = (size_t)(data[1] | data[2] << 8) % region->length, length = data[3] % 32;
        data += 4, size -= 4;
        length = length < size ? length : size;
        length = length < region->length - offset ? length : region->length - offset;
        must(pwrite(file, data, length, region->offset + (off_t)offset) == (ssize_t)length);
        data += length, size -= length;
    }
}

static void sum_settings(void)
{
    struct immutable sum;
    hid_t access = h5_access(), h5 = H5Fopen(path, H5F_ACC_RDONLY, access);
    if (h5 > 0 && checksum_immutable(h5, path, INT64_MAX, &sum) == STATUS_OK)
        must(pwrite(file, &sum, sizeof sum, immutable_offset) == sizeof sum);
    if (h5 > 0)
        H5Fclose(h5);
    h5_close(&access);
}

static void sum_slots(void)
{
    for (int run = 0; run < FUZZ_RUNS; run++)
        for (int slot = 0; slot < 2; slot++) {
            struct slot_header header;
            off_t offset = slots[run].offset + slot * (off_t)slots[run].stride;
            must(pread(file, &header, sizeof header, offset) == sizeof header);
            memcpy(header.magic, SLOT_MAGIC, sizeof header.magic);
            header.version = SLOT_VERSION;
            header.header_crc = hash_crc32(0, &header, offsetof(struct slot_header, header_crc));
            must(pwrite(file, &header, sizeof header, offset) == sizeof header);
        }
}

static void read_cell(enum cell cell, int run, void *value, size_t length)
{
    must(pread(file, value, length, cells[cell] + run * (off_t)length) == (ssize_t)length);
}

static void sum_rows(void)
{
    for (int run = 0; run < FUZZ_RUNS; run++) {
        uint64_t bits[FUZZ_OUTCOMES];
        uint8_t status;
        char id[13] = "", message[STORE_MESSAGE_LENGTH], arithmetic[STORE_ARITHMETIC_LENGTH];
        read_cell(CELL_STATUS, run, &status, sizeof status);
        for (int i = 0; i < FUZZ_OUTCOMES; i++)
            read_cell((enum cell)i, run, &bits[i], sizeof bits[i]);
        read_cell(CELL_MESSAGE, run, message, sizeof message);
        read_cell(CELL_ARITHMETIC, run, arithmetic, sizeof arithmetic);
        must(pread(file, id, 12, regions[region_count - 3 + run].offset) == 12);
        int64_t sum = checksum_row(id, status, bits, FUZZ_OUTCOMES, message, arithmetic);
        must(pwrite(file, &sum, sizeof sum, cells[CELL_ROW_CHECKSUM] + 8 * run) == sizeof sum);
    }
}

// ---- what readers do ----

static void read_run(const struct store_view *view, int64_t run)
{
    struct store_point *curve = memory_small((size_t)view->points * sizeof *curve);
    struct store_parameters *parameters = NULL;
    store_view_curves(view, run, curve);
    store_view_parameters(view, run, &parameters);
    store_parameters_free(&parameters);
    free(curve);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store_view *view = NULL;
    struct store_verified verified;
    if (size == 0)
        return 0;
    if (!sound)
        prepare();
    restore();
    patch(data + 1, size - 1);
    if (data[0] & SUM_SLOTS)
        sum_slots();
    if (data[0] & SUM_SETTINGS)
        sum_settings();
    if (data[0] & SUM_ROWS)
        sum_rows();
    if (store_view_open(path, &view) == STATUS_OK) {
        table_print_text(&view->columns, nowhere);
        table_print_csv(&view->columns, nowhere);
        table_print_json(&view->columns, nowhere);
        free(versions_find(view->versions, "arithmetic"));
        for (int64_t run = 0; run < view->runs; run++)
            read_run(view, run);
        store_view_close(&view);
    }
    if (store_verify(path, &verified) != STATUS_OK && status_message()[0] == '\0')
        abort(); // refused without a word
    text_free(&verified.foreign);
    return 0;
}
