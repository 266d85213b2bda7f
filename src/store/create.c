// A new results file, with everything in it that will ever be: afterwards no metadata changes.
#include "base/memory.h"
#include "store/checkpoint.h"
#include "store/creation.h"
#include "store/file.h"
#include "store/immutable.h"
#include "store/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

hid_t creation_dataset_properties(void)
{
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_layout(properties, H5D_CONTIGUOUS);
    H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY);
    H5Pset_obj_track_times(properties, false);
    return properties;
}

// The groups that runs are made in, and how.
struct run_groups {
    hid_t models, checkpoints;
    hid_t model;   // properties of a model's group
    hid_t dataset; // properties of tensors and slots: left as the file system gives them, zero
};

static const char *id_of(const struct creation *creation, int64_t run)
{
    return column_find(creation->plan->settings, LAYOUT_RUN_ID)->texts[run];
}

static enum status create_model(const struct creation *creation, const struct run_groups *groups, int64_t run,
                                const struct store_model *model)
{
    enum status status = STATUS_OK;
    hid_t group = 0, space = 0, dataset = 0;
    size_t offset = 0;
    WRITE(group = H5Gcreate2(groups->models, id_of(creation, run), H5P_DEFAULT, groups->model, H5P_DEFAULT));
    for (int i = 0; i < model->tensors; i++) {
        const struct store_tensor *tensor = &model->tensor[i];
        if (tensor->offset != offset) // the writer walks through the flat vector without looking at offsets
            FAIL_DONE(STATUS_INTERNAL, "tensor %s does not start where the one before it ends", tensor->name);
        hsize_t shape[2] = {(hsize_t)tensor->shape[0], tensor->rank == 2 ? (hsize_t)tensor->shape[1] : 1};
        space = H5Screate_simple(tensor->rank, shape, NULL);
        WRITE(dataset = H5Dcreate2(group, tensor->name, H5T_NATIVE_FLOAT, space, H5P_DEFAULT, groups->dataset,
                                   H5P_DEFAULT));
        offset += shape[0] * shape[1];
        h5_close(&dataset);
        h5_close(&space);
    }
done:
    h5_close(&space);
    h5_close(&group);
    return status;
}

static enum status create_slots(const struct creation *creation, const struct run_groups *groups, int64_t run,
                                size_t payload)
{
    enum status status = STATUS_OK;
    hid_t group = 0, dataset = 0;
    hid_t space = H5Screate_simple(2, (hsize_t[2]){2, slot_bytes(payload)}, NULL);
    WRITE(group =
              H5Gcreate2(groups->checkpoints, id_of(creation, run), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    WRITE(dataset = H5Dcreate2(group, LAYOUT_SLOTS, H5T_NATIVE_UINT8, space, H5P_DEFAULT, groups->dataset,
                               H5P_DEFAULT));
done:
    h5_close(&dataset);
    h5_close(&group);
    h5_close(&space);
    return status;
}

static enum status create_runs(const struct creation *creation)
{
    enum status status = STATUS_OK;
    struct run_groups groups = {0};
    struct store_model *model = memory_small(sizeof *model);
    enum { MOST_TENSORS = sizeof model->tensor / sizeof *model->tensor };
    groups.dataset = creation_dataset_properties();
    H5Pset_fill_time(groups.dataset, H5D_FILL_TIME_NEVER);
    // A model's links all fit into the header of its group: smaller, and several times faster to make, than
    // the B-tree that HDF5 would start at the ninth. Their order is that of the flat vector.
    groups.model = H5Pcreate(H5P_GROUP_CREATE);
    H5Pset_link_phase_change(groups.model, MOST_TENSORS, 0);
    H5Pset_link_creation_order(groups.model, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    WRITE(groups.models = H5Gcreate2(creation->file, LAYOUT_MODELS, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    WRITE(groups.checkpoints =
              H5Gcreate2(creation->file, LAYOUT_CHECKPOINTS, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    for (int64_t run = 0; run < creation->plan->settings->rows; run++) {
        *model = (struct store_model){0};
        creation->plan->model(creation->plan->context, run, model);
        H5Pset_est_link_info(groups.model, (unsigned)model->tensors, 24);
        TRY_DONE(create_model(creation, &groups, run, model));
        TRY_DONE(create_slots(creation, &groups, run, model->checkpoint_bytes));
    }
done:
    h5_close(&groups.checkpoints);
    h5_close(&groups.models);
    h5_close(&groups.model);
    h5_close(&groups.dataset);
    free(model);
    return status;
}

// Slots start on block boundaries; the many small pieces of metadata are handed out from large blocks, one
// after the other.
static hid_t create_access(void)
{
    hid_t access = h5_access();
    H5Pset_alignment(access, 2 * SLOT_BLOCK, SLOT_BLOCK);
    H5Pset_meta_block_size(access, 1 << 20);
    return access;
}

static enum status create_content(struct creation *creation, hid_t access, int memory)
{
    enum status status = STATUS_OK;
    hid_t properties = h5_root();
    WRITE(creation->file = H5Fcreate(creation->path, H5F_ACC_TRUNC, properties, access));
    h5_redirect(creation->file, memory);
    TRY_DONE(columns_create(creation));
    TRY_DONE(create_runs(creation));
    TRY_DONE(immutable_create(creation->file, creation->path, INT64_MAX));
done:
    h5_close(&properties);
    return h5_close_new(&creation->file, creation->path, status);
}

// HDF5 works in memory, and the file is copied to the disk: what it cannot write at its first try it never lets go of, and
// MPI_Finalize, which ends HDF5, would crash.
static enum status create_part(const char *part, const void *plan)
{
    static const char what[] = "a new results file";
    enum status status = STATUS_OK;
    struct creation creation = {.plan = plan, .path = part};
    hid_t access = create_access();
    int fd = -1, memory = memfd_create("results", MFD_CLOEXEC);
    if (memory < 0)
        TRY_DONE(file_write_failure(part, what, errno));
    TRY_DONE(create_content(&creation, access, memory));
    fd = open(part, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        TRY_DONE(file_write_failure(part, what, errno));
    TRY_DONE(file_copy(memory, fd, part, what));
done:
    if (fd >= 0)
        close(fd);
    if (memory >= 0)
        close(memory);
    h5_close(&access);
    return status;
}

enum status store_create(const char *path, const struct store_plan *plan)
{
    bool exists;
    TRY(file_exists(path, &exists));
    if (exists)
        FAIL(STATUS_RESULTS, "%s exists already", path);
    h5_begin();
    return file_create(path, "a new results file", create_part, plan);
}
