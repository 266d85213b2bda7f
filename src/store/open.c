// Opens the file for writing: rank 0 reads the offsets of all data through HDF5 and broadcasts the slots'.
#include "base/agree.h"
#include "base/memory.h"
#include "store/file.h"
#include "store/h5.h"
#include "store/store_writer.h"
#include "store/view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ---- rank 0: offsets in the file ----

static enum status refuse_rewritten(const char *path)
{
    FAIL(STATUS_RESULTS,
         "%s was rewritten by another program, such as h5repack: it can be read, but not continued; "
         "continue the original file, or give the sweep a new file with -o",
         path);
}

static enum status locate(const struct store_view *view, struct h5_array array, off_t *offset)
{
    TRY(h5_array_locate(view->file, view->path, &array, offset));
    return *offset < 0 ? refuse_rewritten(view->path) : STATUS_OK;
}

static enum status locate_columns(struct store *store, const struct store_view *view)
{
    const struct {
        const char *name;
        H5T_class_t class;
        size_t size;   // bytes per element
        int64_t width; // elements per run; 0: one
        off_t *offset;
    } columns[] = {
        {LAYOUT_STATUS, H5T_INTEGER, 1, 0, &store->status},
        {LAYOUT_MESSAGE, H5T_STRING, 1, STORE_MESSAGE_LENGTH, &store->message},
        {LAYOUT_ARITHMETIC, H5T_STRING, 1, STORE_ARITHMETIC_LENGTH, &store->arithmetic},
        {LAYOUT_ROW_CHECKSUM, H5T_INTEGER, sizeof(int64_t), 0, &store->row_checksum},
        {LAYOUT_CURVE_CHECKSUM, H5T_INTEGER, sizeof(int64_t), 0, &store->curve_checksum},
        {LAYOUT_MODEL_CHECKSUM, H5T_INTEGER, sizeof(int64_t), 0, &store->model_checksum},
    };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        TRY(locate(view,
                   view_array(view, columns[i].name, columns[i].class, columns[i].size, columns[i].width),
                   columns[i].offset));
    for (int i = 0; i < CURVES; i++)
        TRY(locate(view, view_array(view, layout_curves[i].name, H5T_FLOAT, sizeof(double), view->points),
                   &store->curves[i]));
    store->outcomes = memory_small((size_t)view->outcomes * sizeof *store->outcomes);
    for (int i = 0; i < view->outcomes; i++) {
        const struct column *column = &view->columns.columns[view->settings + i];
        struct writer_outcome *outcome = &store->outcomes[store->outcome_count++];
        H5T_class_t class = column->type == COLUMN_INT ? H5T_INTEGER : H5T_FLOAT;
        *outcome = (struct writer_outcome){memory_text(column->name), 0, class == H5T_INTEGER};
        TRY(locate(view, view_array(view, column->name, class, sizeof(int64_t), 0), &outcome->offset));
    }
    int64_t segments = h5_dimension(view->file, LAYOUT_SEGMENT);
    store->segments = segments > 0 ? segments : 0;
    for (int i = 0; i < TIMELINE_COLUMNS && segments > 0; i++)
        TRY(locate(view, view_timeline_array((enum timeline_column)i, segments), &store->timeline[i]));
    return STATUS_OK;
}

static enum status locate_model(const struct store_view *view, int64_t run, struct writer_model *model)
{
    struct store_parameters *parameters = NULL;
    TRY(view_parameters(view, run, false, &parameters));
    enum status status = STATUS_OK;
    model->tensors = parameters->model.tensors;
    model->tensor = memory_small((size_t)model->tensors * sizeof *model->tensor);
    for (int i = 0; i < model->tensors; i++) {
        const int64_t *shape = parameters->model.tensor[i].shape;
        model->tensor[i].offset = parameters->offset[i];
        model->tensor[i].length = (size_t)(shape[0] * shape[1]) * sizeof(float);
        if (parameters->offset[i] < 0)
            status = refuse_rewritten(view->path);
    }
    store_parameters_free(&parameters);
    return status;
}

static enum status locate_all(struct store *store, const struct store_view *view)
{
    if (view->older || view->archive)
        FAIL(STATUS_RESULTS, "%s can be read but not written", view->path);
    store->common.runs = view->runs;
    store->common.points = view->points;
    store->slots = memory_small((size_t)view->runs * sizeof *store->slots);
    store->models = memory_small((size_t)view->runs * sizeof *store->models);
    TRY(locate_columns(store, view));
    TRY(checksum_pair_read(view->file, view->path, LAYOUT_IMMUTABLE, (int64_t *)&store->common.identity,
                           &store->common.identity_offset));
    for (int64_t run = 0; run < view->runs; run++) {
        TRY(slots_locate(view, run, &store->slots[run]));
        if (store->slots[run].offset < 0)
            return refuse_rewritten(view->path);
        TRY(locate_model(view, run, &store->models[run]));
    }
    return STATUS_OK;
}

// ---- every rank ----

static void broadcast_places(struct store *store)
{
    enum { BLOCK = 1 << 20 }; // runs per message: MPI counts bytes in int
    MPI_Bcast(&store->common, sizeof store->common, MPI_BYTE, 0, store->comm);
    int64_t runs = store->common.runs;
    if (!store->slots)
        store->slots = memory_small((size_t)runs * sizeof *store->slots);
    for (int64_t run = 0; run < runs; run += BLOCK) {
        int64_t count = runs - run < BLOCK ? runs - run : BLOCK;
        MPI_Bcast(store->slots + run, (int)(count * (int64_t)sizeof *store->slots), MPI_BYTE, 0, store->comm);
    }
}

static enum status refuse_name(const struct store *store)
{
    FAIL(STATUS_RESULTS,
         "%s was removed, renamed or replaced while it was written; the results are not under that name",
         store->path);
}

static enum status open_again(const struct store *store, int *fd)
{
    struct immutable found;
    TRY(file_open(store->path, O_RDWR, fd));
    TRY(file_read(*fd, store->path, "its checksum", &found, sizeof found, store->common.identity_offset));
    return memcmp(&found, &store->common.identity, sizeof found) == 0 ? STATUS_OK : refuse_name(store);
}

static void close_descriptor(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void release(struct store *store)
{
    close_descriptor(&store->run_fd);
    close_descriptor(&store->fd);
    for (int i = 0; i < store->outcome_count; i++)
        free(store->outcomes[i].name);
    for (int64_t run = 0; store->models && run < store->common.runs; run++)
        free(store->models[run].tensor);
    free(store->outcomes);
    free(store->models);
    free(store->slots);
    free(store->path);
    free(store);
}

static enum status read_places(struct store *store)
{
    struct store_view *view = NULL;
    TRY(view_open(store->path, false, &view));
    enum status status = h5_settle(locate_all(store, view), store->path);
    store_view_close(&view);
    return status == STATUS_OK ? open_again(store, &store->fd) : status;
}

enum status store_open(const char *path, MPI_Comm comm, struct store **out)
{
    int rank;
    *out = NULL;
    MPI_Comm_rank(comm, &rank);
    struct store *store = memory_small(sizeof *store);
    *store = (struct store){.path = memory_text(path), .comm = comm, .fd = -1, .run_fd = -1, .open_run = -1};
    enum status status = agree(rank == 0 ? read_places(store) : STATUS_OK, comm);
    if (status == STATUS_OK) {
        broadcast_places(store);
        // Every rank opens the file: a node that cannot open it stops the job before the first run.
        status = agree(rank == 0 ? STATUS_OK : open_again(store, &store->run_fd), comm);
    }
    if (status == STATUS_OK)
        *out = store;
    else
        release(store);
    return status;
}

enum status writer_check_run(const struct store *store, int64_t run)
{
    if (run < 0 || run >= store->common.runs)
        FAIL(STATUS_INTERNAL, "there is no run %lld", (long long)run);
    return STATUS_OK;
}

enum status writer_open_run(struct store *store, int64_t run)
{
    TRY(writer_check_run(store, run));
    if (store->open_run == run)
        return STATUS_OK;
    close_descriptor(&store->run_fd);
    store->open_run = -1;
    TRY(open_again(store, &store->run_fd));
    const struct slots *slots = &store->slots[run];
    TRY(slots_newest_whole(store->run_fd, store->path, slots, &store->newest));
    for (int slot = 0; slot < 2; slot++)
        if (store->newest.states[slot] == SLOT_DAMAGED_PAYLOAD)
            TRY(slot_empty(store->run_fd, store->path, slots, slot));
    store->open_run = run;
    return STATUS_OK;
}

// Only ENOENT means that the name is gone: a network file system may not respond for a while.
enum status store_check_name(const struct store *store)
{
    bool passes = file_is_at(store->fd, store->path) || (errno != 0 && errno != ENOENT);
    return passes ? STATUS_OK : refuse_name(store);
}

enum status store_close(struct store **store)
{
    if (!*store)
        return STATUS_OK;
    MPI_Comm comm = (*store)->comm;
    enum status status = STATUS_OK;
    if ((*store)->fd >= 0) {
        status = file_sync((*store)->fd, (*store)->path, "the results file");
        if (status == STATUS_OK)
            status = store_check_name(*store);
    }
    release(*store);
    *store = NULL;
    return agree(status, comm);
}

int64_t store_points(const struct store *store)
{
    return store->common.points;
}

char *store_library(void)
{
    unsigned major, minor, release_number;
    h5_begin();
    H5get_libversion(&major, &minor, &release_number);
    return memory_format("HDF5 %u.%u.%u", major, minor, release_number);
}
