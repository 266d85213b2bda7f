// The parallel handle: opened by all ranks, agreed by all ranks.
#include "base/agree.h"
#include "base/memory.h"
#include "store/file.h"
#include "store/h5.h"
#include "store/immutable.h"
#include "store/writer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status open_descriptor(struct store *store)
{
    store->fd = open(store->path, O_RDWR | O_CLOEXEC);
    if (store->fd < 0 && errno == ENOENT)
        FAIL(STATUS_RESULTS, "%s: no such file", store->path);
    if (store->fd < 0)
        FAIL(STATUS_RESULTS, "%s cannot be opened for writing: %s", store->path, strerror(errno));
    return STATUS_OK;
}

static enum status open_hdf5(struct store *store)
{
    hid_t access = h5_access();
    H5Pset_fapl_mpio(access, store->comm, MPI_INFO_NULL);
    store->file = H5Fopen(store->path, H5F_ACC_RDWR, access);
    enum status status = store->file < 0 ? h5_read_failure(store->path, "the file") : STATUS_OK;
    h5_close(&access);
    return status;
}

static enum status open_column(struct store *store, const char *name, H5T_class_t class, size_t size,
                               int64_t length, hid_t *dataset)
{
    hsize_t shape[2] = {(hsize_t)store->runs, (hsize_t)length};
    *dataset = H5Dopen2(store->file, name, H5P_DEFAULT);
    return h5_expect(*dataset, store->path, name, length ? 2 : 1, shape, class, size);
}

static enum status read_dimension(struct store *store, const char *name, int64_t *length)
{
    *length = h5_dimension(store->file, name);
    if (*length <= 0)
        FAIL(STATUS_RESULTS, "%s is damaged: it has no dimension `%s`", store->path, name);
    return STATUS_OK;
}

static enum status open_outcome(struct store *store, const char *name, int64_t *datasets)
{
    hid_t dataset = H5Dopen2(store->file, name, H5P_DEFAULT);
    if (dataset < 0)
        return STATUS_OK; // a group
    *datasets += 1;
    hid_t type = H5Dget_type(dataset);
    H5T_class_t class = H5Tget_class(type);
    char *role = h5_attribute_text(dataset, LAYOUT_ROLE);
    bool outcome = role && strcmp(role, LAYOUT_ROLE_OUTCOME) == 0 && class != H5T_STRING;
    free(role);
    h5_close(&type);
    h5_close(&dataset);
    if (!outcome)
        return STATUS_OK;
    store->outcomes =
        memory_grow(store->outcomes, (size_t)(store->outcome_count + 1) * sizeof *store->outcomes);
    struct writer_outcome *added = &store->outcomes[store->outcome_count++];
    *added = (struct writer_outcome){.name = memory_text(name), .integer = class == H5T_INTEGER};
    return open_column(store, name, class, 8, 0, &added->dataset);
}

static enum status open_outcomes(struct store *store)
{
    struct h5_names names;
    TRY(h5_names_read(store->file, store->path, &names));
    enum status status = STATUS_OK;
    int64_t datasets = 0;
    for (int i = 0; i < names.count && datasets < store->datasets && status == STATUS_OK; i++)
        status = open_outcome(store, names.name[i], &datasets);
    h5_names_free(&names);
    return status;
}

// One rank looks at the bytes for all: no text is read from a damaged file.
static enum status check_contents(struct store *store)
{
    int rank;
    MPI_Comm_rank(store->comm, &rank);
    if (rank != 0)
        return STATUS_OK;
    if (h5_attribute_int(store->file, LAYOUT_SCHEMA_VERSION, -1) != SCHEMA_VERSION)
        FAIL(STATUS_RESULTS, "%s is not a weightsweep results file of schema %d", store->path,
             SCHEMA_VERSION);
    return immutable_check(store->file, store->path, &store->datasets);
}

static enum status open_timeline(struct store *store)
{
    int64_t segments = h5_dimension(store->file, LAYOUT_SEGMENT);
    if (segments <= 0)
        return STATUS_OK;
    for (int i = 0; i < TIMELINE_COLUMNS; i++) {
        const struct timeline_layout *column = &layout_timeline[i];
        store->timeline[i] = H5Dopen2(store->file, column->name, H5P_DEFAULT);
        TRY(h5_expect(store->timeline[i], store->path, column->name, 1, &(hsize_t){(hsize_t)segments},
                      column->integer ? H5T_INTEGER : H5T_FLOAT, 8));
    }
    store->segments = segments;
    return STATUS_OK;
}

static enum status open_datasets(struct store *store)
{
    TRY(read_dimension(store, LAYOUT_RUN, &store->runs));
    TRY(read_dimension(store, LAYOUT_POINT, &store->points));
    TRY(open_column(store, LAYOUT_RUN_ID, H5T_STRING, 0, 0, &store->run_id));
    TRY(open_column(store, LAYOUT_STATUS, H5T_INTEGER, 1, 0, &store->status));
    TRY(open_column(store, LAYOUT_MESSAGE, H5T_STRING, 1, STORE_MESSAGE_LENGTH, &store->message));
    TRY(open_column(store, LAYOUT_ARITHMETIC, H5T_STRING, 1, STORE_ARITHMETIC_LENGTH, &store->arithmetic));
    TRY(open_column(store, LAYOUT_ROW_CHECKSUM, H5T_INTEGER, 8, 0, &store->row_checksum));
    TRY(open_column(store, LAYOUT_CURVE_CHECKSUM, H5T_INTEGER, 8, 0, &store->curve_checksum));
    TRY(open_column(store, LAYOUT_MODEL_CHECKSUM, H5T_INTEGER, 8, 0, &store->model_checksum));
    for (int i = 0; i < CURVES; i++)
        TRY(open_column(store, layout_curves[i].name, H5T_FLOAT, 8, store->points, &store->curves[i]));
    TRY(open_timeline(store));
    return open_outcomes(store);
}

// HDF5 writes the superblock again when it closes a file, as it was. Where that fails, on one rank, the others wait for it
// forever. So what it closes is memory: every descriptor of this process that leads to the file, its own and MPI-IO's.
static void detach(const struct store *store)
{
    struct stat ours, other;
    DIR *open_files = opendir("/proc/self/fd");
    int memory = memfd_create("closing", MFD_CLOEXEC);
    bool ready =
        open_files && memory >= 0 && fstat(store->fd, &ours) == 0 && ftruncate(memory, ours.st_size) == 0;
    for (struct dirent *entry; ready && (entry = readdir(open_files));) {
        int fd = atoi(entry->d_name);
        if (fd != store->fd && fstat(fd, &other) == 0 && other.st_ino == ours.st_ino &&
            other.st_dev == ours.st_dev)
            dup2(memory, fd);
    }
    if (memory >= 0)
        close(memory);
    if (open_files)
        closedir(open_files);
}

// Every id and the descriptor; closing the file is collective if it was opened.
static enum status release(struct store *store)
{
    hid_t *const columns[] = {&store->run_id,        &store->status,       &store->message,
                              &store->arithmetic,    &store->row_checksum, &store->curve_checksum,
                              &store->model_checksum};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        h5_close(columns[i]);
    for (int i = 0; i < CURVES; i++)
        h5_close(&store->curves[i]);
    for (int i = 0; i < TIMELINE_COLUMNS; i++)
        h5_close(&store->timeline[i]);
    for (int i = 0; i < store->outcome_count; i++) {
        h5_close(&store->outcomes[i].dataset);
        free(store->outcomes[i].name);
    }
    enum status status = STATUS_OK;
    if (store->file > 0)
        detach(store);
    if (store->file > 0 && H5Fclose(store->file) < 0)
        status = h5_write_failure(store->path, "the results file");
    if (store->fd >= 0)
        close(store->fd);
    free(store->outcomes);
    free(store->path);
    free(store);
    return status;
}

enum status store_open(const char *path, MPI_Comm comm, struct store **out)
{
    *out = NULL;
    h5_begin();
    struct store *store = memory_small(sizeof *store);
    *store = (struct store){.path = memory_text(path), .comm = comm, .fd = -1, .slots.run = -1};
    // What can fail on one rank alone comes before and after the collective open, each time with an
    // agreement.
    enum status status = agree(open_descriptor(store), comm);
    if (status == STATUS_OK)
        status = agree(h5_settle(open_hdf5(store), path), comm);
    if (status == STATUS_OK)
        status = agree(h5_settle(check_contents(store), path), comm);
    if (status == STATUS_OK) {
        MPI_Bcast(&store->datasets, 1, MPI_INT64_T, 0, comm);
        status = agree(h5_settle(open_datasets(store), path), comm);
    }
    if (status != STATUS_OK) {
        release(store);
        return status;
    }
    *out = store;
    return STATUS_OK;
}

// A file system that does not answer for a moment has lost nothing.
enum status store_check_name(const struct store *store)
{
    if (!file_is_at(store->fd, store->path) && (errno == 0 || errno == ENOENT))
        FAIL(STATUS_RESULTS,
             "%s was removed, renamed or replaced while it was written; what was computed is not under that "
             "name any more",
             store->path);
    return STATUS_OK;
}

enum status store_close(struct store **store)
{
    if (!*store)
        return STATUS_OK;
    MPI_Comm comm = (*store)->comm;
    enum status status = file_sync((*store)->fd, (*store)->path, "the results file");
    if (status == STATUS_OK)
        status = store_check_name(*store);
    enum status released = release(*store);
    *store = NULL;
    return agree(status != STATUS_OK ? status : released, comm);
}

char *store_library(void)
{
    unsigned major, minor, release_number;
    h5_begin();
    H5get_libversion(&major, &minor, &release_number);
    return memory_format("HDF5 %u.%u.%u, drivers sec2 and mpio", major, minor, release_number);
}
