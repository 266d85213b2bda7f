// Archives: compressed copies of a results file without checkpoints. Foreign attributes, datasets and groups
// are copied, except links, references and groups with several names.
#include "store/checksum.h"
#include "store/file.h"
#include "store/file_layout.h"
#include "store/h5.h"
#include "store/view.h"

#include <fcntl.h>
#include <hdf5_hl.h>
#include <string.h>
#include <unistd.h>

enum {
    COMPRESSED_BYTES = 4096, // smaller datasets stay contiguous: the index of chunks would cost more
    CHUNK_BYTES = 1 << 15,   // the window of deflate; small enough that reading one row unpacks little
    CHUNK_FANOUT = 4,        // of the B-tree of chunks: most datasets have fewer than ten chunks
    DEFLATE_LEVEL = 6,
};

struct archive {
    const struct store_view *view;
    bool models;
    const char *path; // of the new file, NAME.part
    hid_t file;
};

// Checks an HDF5 call that writes the archive. For functions that return `status` after a label `done`.
#define COPY(call)                                                                                           \
    do {                                                                                                     \
        if ((call) < 0)                                                                                      \
            TRY_DONE(h5_write_failure(archive->path, "an archive"));                                         \
    } while (0)

// An object and its copy.
struct copied {
    const struct archive *archive;
    hid_t from, to;
    bool root;
};

// Copies the attribute, unless the archive has written its own.
static enum status copy_attribute(hid_t attribute, const char *name, void *context)
{
    const struct copied *object = context;
    const struct archive *archive = object->archive;
    enum status status = STATUS_OK;
    struct h5_values values = {0};
    hid_t copy = 0;
    TRY_DONE(h5_values_read(attribute, archive->view->path, name, &values));
    if (H5Tdetect_class(values.type, H5T_REFERENCE) > 0 || H5Aexists(object->to, name) > 0)
        goto done;
    COPY(copy = H5Acreate2(object->to, name, values.type, values.space, H5P_DEFAULT, H5P_DEFAULT));
    COPY(H5Awrite(copy, values.type, values.bytes));
done:
    h5_values_free(&values);
    h5_close(&copy);
    return status;
}

static enum status copy_attributes(struct copied object)
{
    return h5_visit_attributes(object.from, object.archive->view->path, copy_attribute, &object);
}

// ---- datasets ----

// Properties of the copy of a dataset: compressed chunks of whole rows. A row longer than a chunk is divided.
static hid_t dataset_properties(const struct h5_values *values)
{
    hid_t properties = h5_contiguous();
    hsize_t shape[H5S_MAX_RANK], row = values->size;
    int rank = H5Sget_simple_extent_dims(values->space, shape, NULL);
    if (values->count * values->size < COMPRESSED_BYTES || H5Tis_variable_str(values->type) > 0 ||
        H5Tdetect_class(values->type, H5T_VLEN) > 0 || rank <= 0)
        return properties;
    for (int i = rank - 1; i >= 0; i--) {
        hsize_t max = row < CHUNK_BYTES ? CHUNK_BYTES / row : 1;
        shape[i] = shape[i] < max ? shape[i] : max;
        row *= shape[i];
    }
    H5Pset_chunk(properties, rank, shape);
    H5Pset_shuffle(properties);
    H5Pset_deflate(properties, DEFLATE_LEVEL);
    return properties;
}

// H5DSiterate_scales: attaches the copy of `scale` to dimension `dimension` of the copied dataset.
static herr_t attach_scale(hid_t source, unsigned dimension, hid_t scale, void *context)
{
    (void)source;
    const struct copied *dataset = context;
    char name[256];
    if (H5Iget_name(scale, name, sizeof name) <= 0)
        return -1;
    if (H5Lexists(dataset->archive->file, name, H5P_DEFAULT) <= 0)
        return 0; // a foreign scale that was created after the dataset
    hid_t copy = H5Dopen2(dataset->archive->file, name, H5P_DEFAULT);
    herr_t result = copy < 0 ? -1 : H5DSattach_scale(dataset->to, copy, dimension);
    h5_close(&copy);
    return result;
}

// Scales are marked by attributes, which copy_attributes copies.
static herr_t copy_scales(struct copied dataset, int rank)
{
    herr_t result = 0;
    for (int i = 0; i < rank && H5DSis_scale(dataset.from) <= 0 && result >= 0; i++)
        if (H5DSget_num_scales(dataset.from, (unsigned)i) > 0)
            result = H5DSiterate_scales(dataset.from, (unsigned)i, NULL, attach_scale, &dataset);
    return result;
}

static enum status copy_dataset(const struct archive *archive, hid_t from, hid_t group, const char *name)
{
    enum status status = STATUS_OK;
    struct h5_values values;
    hid_t to = 0, properties = 0;
    TRY_DONE(h5_values_read(from, archive->view->path, name, &values));
    if (H5Tdetect_class(values.type, H5T_REFERENCE) > 0)
        goto done;
    properties = dataset_properties(&values);
    COPY(to = H5Dcreate2(group, name, values.type, values.space, H5P_DEFAULT, properties, H5P_DEFAULT));
    COPY(H5Dwrite(to, values.type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.bytes));
    COPY(H5Dflush(to)); // h5_close does not report a failure to write chunks
    const struct copied dataset = {archive, from, to, false};
    COPY(copy_scales(dataset, H5Sget_simple_extent_ndims(values.space)));
    TRY_DONE(copy_attributes(dataset));
done:
    h5_close(&to);
    h5_close(&properties);
    h5_values_free(&values);
    return status;
}

// ---- groups ----

static enum status copy_member(hid_t member, const char *name, void *context);

static enum status copy_group(const struct archive *archive, hid_t from, hid_t parent, const char *name)
{
    enum status status = STATUS_OK;
    struct copied group = {archive, from, 0, false};
    hid_t properties = h5_links(H5P_GROUP_CREATE, STORE_MAX_TENSORS);
    COPY(group.to = H5Gcreate2(parent, name, H5P_DEFAULT, properties, H5P_DEFAULT));
    TRY_DONE(copy_attributes(group));
    TRY_DONE(h5_visit(from, archive->view->path, copy_member, &group));
done:
    h5_close(&group.to);
    h5_close(&properties);
    return status;
}

static bool is_left_out(const struct archive *archive, const char *name)
{
    return strcmp(name, LAYOUT_CHECKPOINTS) == 0 || strcmp(name, LAYOUT_INTERNAL) == 0 ||
           (strcmp(name, LAYOUT_MODELS) == 0 && !archive->models);
}

// Copies a dataset or a group. Skips a group with several names, which may contain itself. The order of
// creation matters: `status` is read before the columns that a live writer writes before it, and dimensions
// exist before their columns.
static enum status copy_member(hid_t member, const char *name, void *context)
{
    const struct copied *group = context;
    const struct archive *archive = group->archive;
    H5O_info_t object;
    if ((group->root && is_left_out(archive, name)) || H5Oget_info(member, &object) < 0)
        return STATUS_OK;
    if (object.type == H5O_TYPE_GROUP && object.rc == 1)
        return copy_group(archive, member, group->to, name);
    return object.type == H5O_TYPE_DATASET ? copy_dataset(archive, member, group->to, name) : STATUS_OK;
}

// ---- the file ----

static enum status copy_file(struct archive *archive, int64_t *offset)
{
    static const int64_t no_bytes[2];
    enum status status = STATUS_OK;
    struct copied root = {archive, 0, 0, true};
    hid_t access = h5_access(), properties = h5_links(H5P_FILE_CREATE, H5_MAX_ROOT_LINKS);
    H5Pset_istore_k(properties, CHUNK_FANOUT);
    COPY(archive->file = H5Fcreate(archive->path, H5F_ACC_EXCL, properties, access));
    COPY(h5_attribute_write_text(archive->file, LAYOUT_ARCHIVE,
                                 archive->models ? "without checkpoints" : "without checkpoints and models"));
    root.from = H5Gopen2(archive->view->file, "/", H5P_DEFAULT);
    COPY(root.to = H5Gopen2(archive->file, "/", H5P_DEFAULT));
    TRY_DONE(copy_attributes(root));
    TRY_DONE(h5_visit(root.from, archive->view->path, copy_member, &root));
    TRY_DONE(checksum_create(archive->file, archive->path, "an archive", archive->view->datasets));
    TRY_DONE(
        checksum_pair_create(archive->file, archive->path, "an archive", LAYOUT_BYTES, no_bytes, offset));
done:
    h5_close(&root.to);
    h5_close(&root.from);
    h5_close(&properties);
    h5_close(&access);
    return h5_settle(h5_close_new(&archive->file, archive->path, "an archive", status), archive->view->path);
}

// ---- the checksum over all bytes ----

// The dataset /internal/bytes holds the file's size and the CRC-32 of all its bytes except those of the
// dataset. The checksums over columns, curves and models do not cover free space, reserved bytes of HDF5's
// metadata and rows of unfinished runs.
// bytes: size of the file and CRC-32 of the bytes before and after the pair at `offset`.
static enum status sum_bytes(int fd, const char *path, int64_t offset, int64_t bytes[2])
{
    uint32_t crc = 0;
    bytes[0] = lseek(fd, 0, SEEK_END);
    TRY(file_checksum(fd, path, "its bytes", 0, offset, &crc));
    TRY(file_checksum(fd, path, "its bytes", offset + 2 * (int64_t)sizeof *bytes, bytes[0], &crc));
    bytes[1] = crc;
    return STATUS_OK;
}

enum status view_check_bytes(const struct store_view *view, int fd, bool *intact, bool *rewritten)
{
    int64_t stored[2], found[2] = {0}, offset;
    TRY(checksum_pair_read(view->file, view->path, LAYOUT_BYTES, stored, &offset));
    TRY(sum_bytes(fd, view->path, offset < 0 ? 0 : offset, found));
    *intact = found[0] == stored[0] && found[1] == stored[1];
    *rewritten = found[0] != stored[0] && found[1] != stored[1];
    return STATUS_OK;
}

static enum status make_archive(const char *part, const void *context)
{
    struct archive archive = *(const struct archive *)context;
    int64_t offset, bytes[2];
    int fd;
    archive.path = part;
    TRY(copy_file(&archive, &offset));
    TRY(file_open(part, O_RDWR, &fd));
    enum status status = sum_bytes(fd, part, offset, bytes);
    if (status == STATUS_OK)
        status = file_write(fd, part, "an archive", bytes, sizeof bytes, offset);
    close(fd);
    return status;
}

enum status store_archive(const struct store_view *view, const char *path, bool models)
{
    const struct archive archive = {.view = view, .models = models && view->models};
    h5_begin();
    return file_create(path, "an archive", make_archive, &archive);
}
