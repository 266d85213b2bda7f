// Creates a results file with all its groups, datasets and attributes: afterwards no metadata changes.
//
// HDF5 writes metadata and settings to a file in memory, and system calls copy them to the disk, so that the
// call that meets a full disk returns the error.
#include "base/memory.h"
#include "store/checkpoint.h"
#include "store/checksum.h"
#include "store/creation.h"
#include "store/file.h"
#include "store/file_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char what[] = "a new results file";

// ---- runs ----

static size_t slots_bytes(const struct store_plan *plan, const struct store_model *model)
{
    return 2 * slot_bytes(model->checkpoint_bytes + (size_t)plan->points * sizeof(struct store_point));
}

// Creates the model's tensors in the new group `models`/`run_id`, with these properties.
static void create_model(struct creation *creation, hid_t models, const char *run_id,
                         const struct store_model *model, hid_t group_properties, hid_t properties)
{
    hid_t group, dataset;
    size_t offset = 0;
    H5Pset_est_link_info(group_properties, (unsigned)model->tensors, 24);
    WRITE(group = H5Gcreate2(models, run_id, H5P_DEFAULT, group_properties, H5P_DEFAULT));
    for (int i = 0; i < model->tensors; i++) {
        const struct store_tensor *tensor = &model->tensor[i];
        hsize_t shape[2] = {(hsize_t)tensor->shape[0], tensor->rank == 2 ? (hsize_t)tensor->shape[1] : 1};
        if (tensor->offset != offset && creation->status == STATUS_OK) // store_write_model ignores offsets
            creation->status = FAILED(
                STATUS_INTERNAL, "tensor %s does not start at the end of the previous one", tensor->name);
        WRITE(dataset =
                  h5_dataset_create(group, tensor->name, H5T_NATIVE_FLOAT, tensor->rank, shape, properties));
        h5_close(&dataset);
        offset += shape[0] * shape[1];
    }
    h5_close(&group);
}

static void create_slots(struct creation *creation, const char *run_id, const struct store_model *model,
                         hid_t properties)
{
    hid_t dataset;
    const hsize_t shape[2] = {2, slots_bytes(creation->plan, model) / 2};
    char *name = memory_format(LAYOUT_CHECKPOINTS "/%s/" LAYOUT_SLOTS, run_id);
    WRITE(dataset = h5_dataset_create(creation->file, name, H5T_NATIVE_UINT8, 2, shape, properties));
    h5_close(&dataset);
    free(name);
}

static void create_runs(struct creation *creation)
{
    const struct store_plan *plan = creation->plan;
    char *const *ids = column_find(plan->settings, LAYOUT_RUN_ID)->texts;
    struct store_model *model = memory_small(sizeof *model);
    hid_t models, group = h5_links(H5P_GROUP_CREATE, STORE_MAX_TENSORS), dataset = h5_contiguous();
    H5Pset_fill_time(dataset,
                     H5D_FILL_TIME_NEVER); // tensors and slots are holes of the file, which read as zeros
    WRITE(models = H5Gcreate2(creation->file, LAYOUT_MODELS, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    for (int64_t run = 0; run < plan->settings->rows && creation->status == STATUS_OK; run++) {
        *model = (struct store_model){0};
        plan->model(plan->context, run, model);
        create_model(creation, models, ids[run], model, group, dataset);
        create_slots(creation, ids[run], model, dataset);
    }
    h5_close(&models);
    h5_close(&group);
    h5_close(&dataset);
    free(model);
}

// ---- the file ----

// Bytes of the tensors and slots of runs `from` (inclusive) to `to` (exclusive).
static int64_t data_bytes(const struct store_plan *plan, int64_t from, int64_t to)
{
    struct store_model *model = memory_small(sizeof *model);
    int64_t bytes = 0;
    for (int64_t run = from; run < to; run++) {
        plan->model(plan->context, run, model);
        bytes += (int64_t)slots_bytes(plan, model);
        for (int i = 0; i < model->tensors; i++) {
            const struct store_tensor *tensor = &model->tensor[i];
            bytes += tensor->shape[0] * (tensor->rank == 2 ? tensor->shape[1] : 1) * (int64_t)sizeof(float);
        }
    }
    free(model);
    return bytes;
}

// Creates the file in `memory`, without the initial values of its columns. Slots start at multiples of a
// page. Metadata is allocated in blocks of 64 KiB. The stdio driver opens a file in memory; HDF5's default
// driver does not.
static enum status create_in_memory(struct creation *creation, int memory)
{
    hid_t properties = h5_links(H5P_FILE_CREATE, H5_MAX_ROOT_LINKS), access = h5_access();
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", memory);
    H5Pset_fapl_stdio(access);
    H5Pset_alignment(access, 2 * SLOT_BLOCK, SLOT_BLOCK);
    H5Pset_meta_block_size(access, 1 << 16);
    WRITE(creation->file = H5Fcreate(name, H5F_ACC_TRUNC, properties, access));
    columns_create(creation);
    create_runs(creation);
    if (creation->status == STATUS_OK)
        creation->status = checksum_create(creation->file, creation->path, what, INT64_MAX);
    h5_close(&access);
    h5_close(&properties);
    return h5_close_new(&creation->file, creation->path, what, creation->status);
}

static enum status write_first_values(const struct creation_column *column, int fd, const char *path)
{
    enum { COUNT = 1 << 13, BYTES = COUNT * sizeof(uint64_t) };
    enum status status = STATUS_OK;
    uint64_t *block = memory_small(BYTES);
    for (size_t i = 0; i < COUNT; i++)
        block[i] = column->first;
    for (int64_t at = 0; at < column->length && status == STATUS_OK; at += BYTES) {
        size_t length = column->length - at < BYTES ? (size_t)(column->length - at) : BYTES;
        status = file_write(fd, path, what, block, length, (off_t)(column->offset + at));
    }
    free(block);
    return status;
}

// Copies the file in memory to `part`. Holes stay holes. Only the extents between holes are mapped: the
// address space of a whole file of many models may be limited (RLIMIT_AS).
static enum status write_file(const struct creation *creation, int memory, int64_t bytes)
{
    enum status status = STATUS_OK;
    const char *part = creation->path;
    int fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 || ftruncate(fd, bytes) != 0)
        TRY_DONE(file_write_failure(part, what, errno));
    for (off_t data = 0, hole; (data = lseek(memory, data, SEEK_DATA)) >= 0; data = hole) {
        hole = lseek(memory, data, SEEK_HOLE);
        size_t length = (size_t)(hole - data);
        char *content = mmap(NULL, length, PROT_READ, MAP_SHARED, memory, data);
        if (content == MAP_FAILED)
            TRY_DONE(file_write_failure(part, what, errno));
        status = file_write(fd, part, what, content, length, data);
        munmap(content, length);
        TRY_DONE(status);
    }
    for (int i = 0; i < creation->column_count; i++)
        TRY_DONE(write_first_values(&creation->columns[i], fd, part));
done:
    if (fd >= 0)
        close(fd);
    return status;
}

// Creates the file in memory and sets *bytes to its size. Writes the file to `part`, unless NULL.
static enum status create(const struct store_plan *plan, const char *part, int64_t *bytes)
{
    enum status status = STATUS_OK;
    struct creation creation = {.plan = plan, .path = part ? part : "the plan"};
    struct stat file;
    h5_begin();
    int memory = memfd_create("results", MFD_CLOEXEC);
    if (memory < 0)
        FAIL(STATUS_MACHINE, "%s: no memory for %s: %s", creation.path, what, strerror(errno));
    TRY_DONE(create_in_memory(&creation, memory));
    fstat(memory, &file);
    *bytes = file.st_size;
    if (part)
        TRY_DONE(write_file(&creation, memory, *bytes));
done:
    free(creation.columns);
    close(memory);
    return status;
}

static enum status create_part(const char *part, const void *plan)
{
    int64_t bytes;
    return create(plan, part, &bytes);
}

enum status store_create(const char *path, const struct store_plan *plan)
{
    bool exists;
    TRY(file_exists(path, &exists));
    if (exists)
        FAIL(STATUS_RESULTS, "%s exists already", path);
    return file_create(path, what, create_part, plan);
}

// Creates only the first SAMPLE runs in memory: the metadata of each further run takes about as many bytes.
enum status store_plan_bytes(const struct store_plan *plan, int64_t *bytes)
{
    enum { SAMPLE = 128 };
    struct column_table settings = *plan->settings;
    struct store_plan first = *plan;
    int64_t runs = settings.rows;
    settings.rows = runs < SAMPLE ? runs : SAMPLE;
    first.settings = &settings;
    TRY(create(&first, NULL, bytes));
    double metadata = (double)(*bytes - data_bytes(plan, 0, settings.rows)) / (double)settings.rows;
    *bytes += data_bytes(plan, settings.rows, runs) + (int64_t)(metadata * (double)(runs - settings.rows));
    return STATUS_OK;
}
