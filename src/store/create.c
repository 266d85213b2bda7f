// Creates a results file with all its groups, datasets and attributes: afterwards no metadata changes.
//
// HDF5 writes metadata and settings to a file in memory, and system calls copy them to the disk, so that the
// call that meets a full disk returns the error.
#include "base/memory.h"
#include "store/checkpoint.h"
#include "store/creation.h"
#include "store/file.h"
#include "store/file_layout.h"
#include "store/immutable.h"

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

// The groups in which runs are created, and creation properties.
struct run_groups {
    hid_t models, checkpoints;
    hid_t model;   // properties of a model's group
    hid_t dataset; // properties of tensors and slots, which are holes of the file and read as zeros
};

static enum status create_model(const struct creation *creation, const struct run_groups *groups,
                                const char *run_id, const struct store_model *model)
{
    enum status status = STATUS_OK;
    hid_t group = 0, dataset = 0;
    size_t offset = 0;
    WRITE(group = H5Gcreate2(groups->models, run_id, H5P_DEFAULT, groups->model, H5P_DEFAULT));
    for (int i = 0; i < model->tensors; i++) {
        const struct store_tensor *tensor = &model->tensor[i];
        if (tensor->offset != offset) // store_write_model ignores offsets
            FAIL_DONE(STATUS_INTERNAL, "tensor %s does not start at the end of the previous one",
                      tensor->name);
        hsize_t shape[2] = {(hsize_t)tensor->shape[0], tensor->rank == 2 ? (hsize_t)tensor->shape[1] : 1};
        WRITE(dataset = h5_dataset_create(group, tensor->name, H5T_NATIVE_FLOAT, tensor->rank, shape,
                                          groups->dataset));
        h5_close(&dataset);
        offset += shape[0] * shape[1];
    }
done:
    h5_close(&group);
    return status;
}

static size_t slots_bytes(const struct store_plan *plan, const struct store_model *model)
{
    return 2 * slot_bytes(model->checkpoint_bytes + (size_t)plan->points * sizeof(struct store_point));
}

static enum status create_slots(const struct creation *creation, const struct run_groups *groups,
                                const char *run_id, const struct store_model *model)
{
    enum status status = STATUS_OK;
    hid_t group = 0, dataset = 0;
    const hsize_t shape[2] = {2, slots_bytes(creation->plan, model) / 2};
    WRITE(group = H5Gcreate2(groups->checkpoints, run_id, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    WRITE(dataset = h5_dataset_create(group, LAYOUT_SLOTS, H5T_NATIVE_UINT8, 2, shape, groups->dataset));
done:
    h5_close(&dataset);
    h5_close(&group);
    return status;
}

static enum status create_runs(const struct creation *creation)
{
    enum status status = STATUS_OK;
    const struct store_plan *plan = creation->plan;
    char *const *ids = column_find(plan->settings, LAYOUT_RUN_ID)->texts;
    struct run_groups groups = {.dataset = h5_contiguous(), .model = h5_small_group()};
    struct store_model *model = memory_small(sizeof *model);
    H5Pset_fill_time(groups.dataset, H5D_FILL_TIME_NEVER);
    WRITE(groups.models = H5Gcreate2(creation->file, LAYOUT_MODELS, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    WRITE(groups.checkpoints =
              H5Gcreate2(creation->file, LAYOUT_CHECKPOINTS, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    for (int64_t run = 0; run < plan->settings->rows; run++) {
        *model = (struct store_model){0};
        plan->model(plan->context, run, model);
        H5Pset_est_link_info(groups.model, (unsigned)model->tensors, 24);
        TRY_DONE(create_model(creation, &groups, ids[run], model));
        TRY_DONE(create_slots(creation, &groups, ids[run], model));
    }
done:
    h5_close(&groups.checkpoints);
    h5_close(&groups.models);
    h5_close(&groups.model);
    h5_close(&groups.dataset);
    free(model);
    return status;
}

// ---- the file ----

// Slots start at multiples of a page. Metadata is allocated in blocks of 64 KiB. The stdio driver opens a
// file in memory; HDF5's default driver does not.
static hid_t create_access(void)
{
    hid_t access = h5_access();
    H5Pset_fapl_stdio(access);
    H5Pset_alignment(access, 2 * SLOT_BLOCK, SLOT_BLOCK);
    H5Pset_meta_block_size(access, 1 << 16);
    return access;
}

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

// Creates the file in `memory`, without the initial values of its columns.
static enum status create_in_memory(struct creation *creation, int memory)
{
    enum status status = STATUS_OK;
    hid_t properties = h5_root(), access = create_access();
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", memory);
    WRITE(creation->file = H5Fcreate(name, H5F_ACC_TRUNC, properties, access));
    TRY_DONE(columns_create(creation));
    TRY_DONE(create_runs(creation));
    TRY_DONE(immutable_create(creation->file, creation->path, what, INT64_MAX));
done:
    h5_close(&access);
    h5_close(&properties);
    return h5_close_new(&creation->file, creation->path, what, status);
}

static enum status write_first_values(const struct creation_column *column, int fd, const char *path)
{
    enum { BLOCK = 1 << 16 };
    enum status status = STATUS_OK;
    if (column->first == 0)
        return STATUS_OK; // holes of the file read as zeros
    unsigned char *block = memory_small(BLOCK);
    for (size_t at = 0; at < BLOCK; at += column->size)
        memcpy(block + at, &column->first, column->size);
    for (int64_t at = 0; at < column->length; at += BLOCK) {
        size_t length = column->length - at < BLOCK ? (size_t)(column->length - at) : BLOCK;
        TRY_DONE(file_write(fd, path, what, block, length, (off_t)(column->offset + at)));
    }
done:
    free(block);
    return status;
}

// Copies the file in memory to `part`. Holes stay holes.
static enum status write_file(const struct creation *creation, int memory, int64_t bytes)
{
    enum status status = STATUS_OK;
    const char *part = creation->path;
    char *content = mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, memory, 0);
    int fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (content == MAP_FAILED || fd < 0 || ftruncate(fd, bytes) != 0)
        TRY_DONE(file_write_failure(part, what, errno));
    for (off_t data = 0, hole; (data = lseek(memory, data, SEEK_DATA)) >= 0; data = hole) {
        hole = lseek(memory, data, SEEK_HOLE);
        TRY_DONE(file_write(fd, part, what, content + data, (size_t)(hole - data), data));
    }
    for (int i = 0; i < creation->column_count; i++)
        TRY_DONE(write_first_values(&creation->columns[i], fd, part));
done:
    if (content != MAP_FAILED)
        munmap(content, (size_t)bytes);
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
