// Archives: compressed copies of a results file without checkpoints. Foreign attributes, datasets and groups
// are copied, except links, references and groups with several names.
#include "store/archive.h"

#include "base/memory.h"
#include "store/file.h"
#include "store/file_layout.h"
#include "store/h5.h"
#include "store/immutable.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5_hl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    COMPRESSED_BYTES =
        4096, // smaller datasets stay contiguous: the index of chunks would cost more than it saves
    CHUNK_BYTES = 1 << 15, // the window of deflate; small enough that reading one row unpacks little
    CHUNK_FANOUT = 4,      // of the B-tree of chunks: most datasets have fewer than ten chunks
    DEFLATE_LEVEL = 6,
};

static const char bytes_name[] = LAYOUT_INTERNAL "/" LAYOUT_BYTES;

struct archive {
    const struct store_view *view;
    bool models;
    const char *path; // of the new file, NAME.part
    hid_t file;
};

// Check an HDF5 call that writes the archive (COPY) or reads the source file (SOURCE). For functions that
// return `status` after a label `done`.
#define COPY(call)                                                                                           \
    do {                                                                                                     \
        if ((call) < 0)                                                                                      \
            TRY_DONE(h5_write_failure(archive->path, "an archive"));                                         \
    } while (0)

#define SOURCE(call, what)                                                                                   \
    do {                                                                                                     \
        if ((call) < 0)                                                                                      \
            TRY_DONE(h5_read_failure(archive->view->path, what));                                            \
    } while (0)

// ---- attributes ----

static enum status copy_attribute(const struct archive *archive, hid_t from, hid_t to, const char *name)
{
    enum status status = STATUS_OK;
    struct h5_values values = {0};
    hid_t source = 0, copy = 0;
    SOURCE(source = H5Aopen(from, name, H5P_DEFAULT), name);
    TRY_DONE(h5_values_read(source, archive->view->path, name, &values));
    if (H5Tdetect_class(values.type, H5T_REFERENCE) > 0)
        goto done;
    COPY(copy = H5Acreate2(to, name, values.type, values.space, H5P_DEFAULT, H5P_DEFAULT));
    COPY(H5Awrite(copy, values.type, values.bytes));
done:
    h5_values_free(&values);
    h5_close(&copy);
    h5_close(&source);
    return status;
}

static enum status copy_attributes(const struct archive *archive, hid_t from, hid_t to)
{
    int count = H5Aget_num_attrs(from);
    if (count < 0)
        return h5_read_failure(archive->view->path, "the list of an object's attributes");
    for (int i = 0; i < count; i++) {
        char name[256];
        if (H5Aget_name_by_idx(from, ".", H5_INDEX_NAME, H5_ITER_INC, (hsize_t)i, name, sizeof name,
                               H5P_DEFAULT) < 0)
            return h5_read_failure(archive->view->path, "an attribute's name");
        if (H5Aexists(to, name) <= 0) // the archive has written its own
            TRY(copy_attribute(archive, from, to, name));
    }
    return STATUS_OK;
}

// ---- datasets ----

// Chunks of whole rows; a row longer than a chunk is divided.
static void compress(hid_t properties, hid_t space, size_t size)
{
    hsize_t shape[H5S_MAX_RANK], row = size;
    int rank = H5Sget_simple_extent_dims(space, shape, NULL);
    for (int i = rank - 1; i >= 0; i--) {
        hsize_t max = row < CHUNK_BYTES ? CHUNK_BYTES / row : 1;
        shape[i] = shape[i] < max ? shape[i] : max;
        row *= shape[i];
    }
    H5Pset_chunk(properties, rank, shape);
    H5Pset_shuffle(properties);
    H5Pset_deflate(properties, DEFLATE_LEVEL);
}

static hid_t dataset_properties(const struct h5_values *values)
{
    hid_t properties = h5_contiguous();
    if (values->count * values->size >= COMPRESSED_BYTES && !h5_values_are_texts(values) &&
        H5Tdetect_class(values->type, H5T_VLEN) <= 0 && H5Sget_simple_extent_ndims(values->space) > 0)
        compress(properties, values->space, values->size);
    return properties;
}

struct attachment {
    const struct archive *archive;
    hid_t dataset; // in the archive
};

// H5DSiterate_scales: attaches the copy of `scale` to dimension `dimension` of the copied dataset.
static herr_t attach_scale(hid_t source, unsigned dimension, hid_t scale, void *context)
{
    (void)source;
    const struct attachment *to = context;
    char name[256];
    if (H5Iget_name(scale, name, sizeof name) <= 0)
        return -1;
    if (H5Lexists(to->archive->file, name, H5P_DEFAULT) <= 0)
        return 0; // a foreign scale that was created after the dataset
    hid_t copy = H5Dopen2(to->archive->file, name, H5P_DEFAULT);
    herr_t result = copy < 0 ? -1 : H5DSattach_scale(to->dataset, copy, dimension);
    h5_close(&copy);
    return result;
}

// Scales are marked by attributes, which copy_attributes copies.
static enum status copy_scales(const struct archive *archive, hid_t from, hid_t to, int rank)
{
    enum status status = STATUS_OK;
    struct attachment attachment = {archive, to};
    for (int i = 0; i < rank && H5DSis_scale(from) <= 0; i++)
        if (H5DSget_num_scales(from, (unsigned)i) > 0)
            COPY(H5DSiterate_scales(from, (unsigned)i, NULL, attach_scale, &attachment));
done:
    return status;
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
    TRY_DONE(copy_scales(archive, from, to, H5Sget_simple_extent_ndims(values.space)));
    TRY_DONE(copy_attributes(archive, from, to));
done:
    h5_close(&to);
    h5_close(&properties);
    h5_values_free(&values);
    return status;
}

// ---- groups ----

static enum status copy_members(const struct archive *archive, hid_t from, hid_t to, bool root);

static enum status copy_group(const struct archive *archive, hid_t from, hid_t parent, const char *name)
{
    enum status status = STATUS_OK;
    hid_t properties = h5_small_group(), to = 0;
    COPY(to = H5Gcreate2(parent, name, H5P_DEFAULT, properties, H5P_DEFAULT));
    TRY_DONE(copy_attributes(archive, from, to));
    TRY_DONE(copy_members(archive, from, to, false));
done:
    h5_close(&to);
    h5_close(&properties);
    return status;
}

static bool is_left_out(const struct archive *archive, const char *name)
{
    return strcmp(name, LAYOUT_CHECKPOINTS) == 0 || strcmp(name, LAYOUT_INTERNAL) == 0 ||
           (strcmp(name, LAYOUT_MODELS) == 0 && !archive->models);
}

// Soft and external links are not copied, nor groups with several names: such a group may contain itself.
static bool is_copied(hid_t from, const char *name)
{
    H5L_info_t link;
    H5O_info_t object;
    return H5Lget_info(from, name, &link, H5P_DEFAULT) >= 0 && link.type == H5L_TYPE_HARD &&
           H5Oget_info_by_name(from, name, &object, H5P_DEFAULT) >= 0 &&
           (object.type != H5O_TYPE_GROUP || object.rc == 1);
}

static enum status copy_member(const struct archive *archive, hid_t from, hid_t to, const char *name)
{
    enum status status = STATUS_OK;
    hid_t member = 0;
    if (!is_copied(from, name))
        return STATUS_OK;
    SOURCE(member = H5Oopen(from, name, H5P_DEFAULT), name);
    if (H5Iget_type(member) == H5I_GROUP)
        TRY_DONE(copy_group(archive, member, to, name));
    else if (H5Iget_type(member) == H5I_DATASET)
        TRY_DONE(copy_dataset(archive, member, to, name));
done:
    h5_close(&member);
    return status;
}

// Copies in the order of creation: `status` is read before the columns that a live writer writes before it,
// and dimensions exist before their columns.
static enum status copy_members(const struct archive *archive, hid_t from, hid_t to, bool root)
{
    struct h5_names names;
    enum status status = h5_names_read(from, archive->view->path, &names);
    for (int i = 0; i < names.count && status == STATUS_OK; i++)
        if (!root || !is_left_out(archive, names.name[i]))
            status = copy_member(archive, from, to, names.name[i]);
    h5_names_free(&names);
    return status;
}

// ---- the file ----

static enum status copy_file(struct archive *archive, int64_t *offset)
{
    static const int64_t no_bytes[2];
    enum status status = STATUS_OK;
    hid_t access = h5_access(), properties = h5_root(), from = 0, to = 0;
    H5Pset_istore_k(properties, CHUNK_FANOUT);
    COPY(archive->file = H5Fcreate(archive->path, H5F_ACC_EXCL, properties, access));
    COPY(h5_attribute_write_text(archive->file, LAYOUT_ARCHIVE,
                                 archive->models ? "without checkpoints" : "without checkpoints and models"));
    SOURCE(from = H5Gopen2(archive->view->file, "/", H5P_DEFAULT), "its root");
    COPY(to = H5Gopen2(archive->file, "/", H5P_DEFAULT));
    TRY_DONE(copy_attributes(archive, from, to));
    COPY(H5Fflush(archive->file, H5F_SCOPE_GLOBAL)); // file_remove_leftover recognises the file from now on
    TRY_DONE(copy_members(archive, from, to, true));
    TRY_DONE(immutable_create(archive->file, archive->path, "an archive", archive->view->datasets));
    TRY_DONE(h5_pair_create(archive->file, archive->path, "an archive", bytes_name, no_bytes, offset));
done:
    h5_close(&to);
    h5_close(&from);
    h5_close(&properties);
    h5_close(&access);
    return h5_settle(h5_close_new(&archive->file, archive->path, "an archive", status), archive->view->path);
}

// ---- the checksum over all bytes ----

// bytes: size of the file and CRC-32 of the bytes before and after the pair at `offset`.
static enum status sum_bytes(int fd, const char *path, int64_t offset, int64_t bytes[2])
{
    struct stat file;
    uint32_t crc = 0;
    if (fstat(fd, &file) != 0)
        return file_open_failure(path, errno);
    TRY(file_checksum(fd, path, "its bytes", 0, offset, &crc));
    TRY(file_checksum(fd, path, "its bytes", offset + 2 * (int64_t)sizeof *bytes, file.st_size, &crc));
    bytes[0] = file.st_size;
    bytes[1] = crc;
    return STATUS_OK;
}

enum status archive_check_bytes(hid_t file, int fd, const char *path, bool *intact, bool *rewritten)
{
    int64_t stored[2], found[2] = {0}, offset;
    TRY(h5_pair_read(file, path, bytes_name, stored, &offset));
    TRY(sum_bytes(fd, path, offset < 0 ? 0 : offset, found));
    *intact = found[0] == stored[0] && found[1] == stored[1];
    *rewritten = found[0] != stored[0] && found[1] != stored[1];
    return STATUS_OK;
}

static enum status make_archive(const char *part, const void *context)
{
    struct archive archive = *(const struct archive *)context;
    int64_t offset, bytes[2];
    archive.path = part;
    TRY(copy_file(&archive, &offset));
    int fd = open(part, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return file_write_failure(part, "an archive", errno);
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
