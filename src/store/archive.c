// A results file for keeping: without checkpoints, compressed. Attributes, datasets and groups that other
// programs added are copied, too, except links, references and groups with several names.
#include "base/memory.h"
#include "store/archive_bytes.h"
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
        4096, // a smaller dataset is written as it is: the index of its chunks would eat up the gain
    CHUNK_BYTES = 1 << 15, // deflate looks no further back, and a reader of one row unpacks little
    CHUNK_FANOUT = 4,      // of the index of chunks: few datasets have more of them than ten
    DEFLATE_LEVEL = 6,
};

struct archive {
    const struct store_view *view;
    bool models;
    const char *path; // of the .part file
    hid_t file;
};

// In a function that returns `status` from a label `done`.
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

// ---- values ----

// Everything in a dataset or an attribute, in the file's own type; texts behind pointers.
struct values {
    hid_t type, space;
    void *bytes;
};

static enum status values_allocate(hid_t type, hid_t space, struct values *values)
{
    *values = (struct values){.type = type, .space = space};
    return memory_alloc((size_t)H5Sget_simple_extent_npoints(space) * H5Tget_size(type), &values->bytes);
}

static bool has_texts(hid_t type)
{
    return H5Tis_variable_str(type) > 0 || H5Tdetect_class(type, H5T_VLEN) > 0;
}

static void values_free(struct values *values)
{
    if (values->bytes && has_texts(values->type))
        H5Dvlen_reclaim(values->type, values->space, H5P_DEFAULT, values->bytes);
    memory_free(&values->bytes);
    h5_close(&values->space);
    h5_close(&values->type);
}

// ---- attributes ----

// What ties a dataset to its dimensions holds places in the source.
static bool is_made_anew(const char *name)
{
    static const char *const names[] = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", LAYOUT_ARCHIVE};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static enum status copy_attribute(const struct archive *archive, hid_t from, hid_t to, const char *name)
{
    enum status status = STATUS_OK;
    struct values values = {0};
    hid_t source = 0, copy = 0;
    SOURCE(source = H5Aopen(from, name, H5P_DEFAULT), name);
    TRY_DONE(values_allocate(H5Aget_type(source), H5Aget_space(source), &values));
    if (H5Tdetect_class(values.type, H5T_REFERENCE) > 0)
        goto done;
    SOURCE(H5Aread(source, values.type, values.bytes), name);
    COPY(copy = H5Acreate2(to, name, values.type, values.space, H5P_DEFAULT, H5P_DEFAULT));
    COPY(H5Awrite(copy, values.type, values.bytes));
done:
    values_free(&values);
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
        if (!is_made_anew(name))
            TRY(copy_attribute(archive, from, to, name));
    }
    return STATUS_OK;
}

// ---- datasets ----

// Whole rows, as many as make up a chunk; a row that is longer is cut.
static void compress(hid_t properties, hid_t space, size_t size)
{
    hsize_t shape[H5S_MAX_RANK], row = size;
    int rank = H5Sget_simple_extent_ndims(space);
    H5Sget_simple_extent_dims(space, shape, NULL);
    for (int i = rank - 1; i >= 0; i--) {
        hsize_t most = row < CHUNK_BYTES ? CHUNK_BYTES / row : 1;
        shape[i] = shape[i] < most ? shape[i] : most;
        row *= shape[i];
    }
    H5Pset_chunk(properties, rank, shape);
    H5Pset_shuffle(properties);
    H5Pset_deflate(properties, DEFLATE_LEVEL);
}

static hid_t dataset_properties(hid_t type, hid_t space)
{
    hid_t properties = h5_contiguous();
    size_t size = H5Tget_size(type);
    bool worth_it = (hsize_t)H5Sget_simple_extent_npoints(space) * size >= COMPRESSED_BYTES;
    if (worth_it && !has_texts(type) && H5Sget_simple_extent_ndims(space) > 0)
        compress(properties, space, size);
    return properties;
}

struct tie {
    const struct archive *archive;
    hid_t dataset; // the copy
};

// A scale of the source that belongs to a dimension of a dataset: its copy, made before, is tied to the
// dataset's copy.
static herr_t tie_scale(hid_t source, unsigned dimension, hid_t scale, void *context)
{
    (void)source;
    const struct tie *tie = context;
    char name[256];
    if (H5Iget_name(scale, name, sizeof name) <= 0)
        return -1;
    if (H5Lexists(tie->archive->file, name, H5P_DEFAULT) <= 0)
        return 0; // a foreign scale that was created after the dataset
    hid_t copy = H5Dopen2(tie->archive->file, name, H5P_DEFAULT);
    herr_t result = copy < 0 ? -1 : H5DSattach_scale(tie->dataset, copy, dimension);
    h5_close(&copy);
    return result;
}

static enum status copy_ties(const struct archive *archive, hid_t from, hid_t to, int rank)
{
    enum status status = STATUS_OK;
    if (H5DSis_scale(from) > 0) {
        char name[256] = "";
        SOURCE(H5DSget_scale_name(from, name, sizeof name), "a dimension's name");
        COPY(H5DSset_scale(to, name[0] ? name : NULL));
        return STATUS_OK;
    }
    struct tie tie = {archive, to};
    for (int i = 0; i < rank; i++)
        if (H5DSget_num_scales(from, (unsigned)i) > 0)
            COPY(H5DSiterate_scales(from, (unsigned)i, NULL, tie_scale, &tie));
done:
    return status;
}

static enum status copy_dataset(const struct archive *archive, hid_t from, hid_t group, const char *name)
{
    enum status status = STATUS_OK;
    struct values values = {0};
    hid_t to = 0, properties = 0;
    TRY_DONE(values_allocate(H5Dget_type(from), H5Dget_space(from), &values));
    if (H5Tdetect_class(values.type, H5T_REFERENCE) > 0)
        goto done;
    SOURCE(H5Dread(from, values.type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.bytes), name);
    properties = dataset_properties(values.type, values.space);
    COPY(to = H5Dcreate2(group, name, values.type, values.space, H5P_DEFAULT, properties, H5P_DEFAULT));
    COPY(H5Dwrite(to, values.type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.bytes));
    COPY(H5Dflush(to)); // chunks: to close it would not tell
    TRY_DONE(copy_ties(archive, from, to, H5Sget_simple_extent_ndims(values.space)));
    TRY_DONE(copy_attributes(archive, from, to));
done:
    h5_close(&to);
    h5_close(&properties);
    values_free(&values);
    return status;
}

// ---- groups ----

static enum status copy_members(const struct archive *archive, hid_t from, hid_t to, bool root);

// H5Gcreate2 with the list of another group would take over where that group's links are in its file.
static hid_t group_properties(hid_t from)
{
    unsigned order = 0;
    hid_t source = H5Gget_create_plist(from), properties = H5Pcreate(H5P_GROUP_CREATE);
    H5Pget_link_creation_order(source, &order);
    H5Pset_link_creation_order(properties, order);
    H5Pset_link_phase_change(properties, STORE_MAX_TENSORS, 0);
    h5_close(&source);
    return properties;
}

static enum status copy_group(const struct archive *archive, hid_t from, hid_t parent, const char *name)
{
    enum status status = STATUS_OK;
    hid_t properties = group_properties(from), to = 0;
    COPY(to = H5Gcreate2(parent, name, H5P_DEFAULT, properties, H5P_DEFAULT));
    TRY_DONE(copy_attributes(archive, from, to));
    TRY_DONE(copy_members(archive, from, to, false));
done:
    h5_close(&to);
    h5_close(&properties);
    return status;
}

static bool left_out(const struct archive *archive, const char *name)
{
    return strcmp(name, LAYOUT_CHECKPOINTS) == 0 || strcmp(name, LAYOUT_INTERNAL) == 0 ||
           (strcmp(name, LAYOUT_MODELS) == 0 && !archive->models);
}

// Only hard links lead to something in this file. A group with several names may be its own member.
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

// In the order of creation: `status` comes before all that a live writer writes first, dimensions before
// their columns.
static enum status copy_members(const struct archive *archive, hid_t from, hid_t to, bool root)
{
    struct h5_names names;
    enum status status = h5_names_read(from, archive->view->path, &names);
    for (int i = 0; i < names.count && status == STATUS_OK; i++)
        if (!root || !left_out(archive, names.name[i]))
            status = copy_member(archive, from, to, names.name[i]);
    h5_names_free(&names);
    return status;
}

// ---- the file ----

static enum status write_note(const struct archive *archive)
{
    enum status status = STATUS_OK;
    const char *note = archive->models ? "without checkpoints" : "without checkpoints and models";
    hid_t type = h5_text_type(), space = H5Screate(H5S_SCALAR), attribute = 0;
    COPY(attribute = H5Acreate2(archive->file, LAYOUT_ARCHIVE, type, space, H5P_DEFAULT, H5P_DEFAULT));
    COPY(H5Awrite(attribute, type, &note));
done:
    h5_close(&attribute);
    h5_close(&space);
    h5_close(&type);
    return status;
}

static enum status copy_file(struct archive *archive, int64_t *bytes)
{
    enum status status = STATUS_OK;
    hid_t access = h5_access(), properties = h5_root(), from = 0, to = 0;
    H5Pset_istore_k(properties, CHUNK_FANOUT);
    COPY(archive->file = H5Fcreate(archive->path, H5F_ACC_TRUNC, properties, access));
    TRY_DONE(write_note(archive));
    SOURCE(from = H5Gopen2(archive->view->file, "/", H5P_DEFAULT), "its root");
    COPY(to = H5Gopen2(archive->file, "/", H5P_DEFAULT));
    TRY_DONE(copy_attributes(archive, from, to));
    TRY_DONE(copy_members(archive, from, to, true));
    TRY_DONE(immutable_create(archive->file, archive->path, archive->view->datasets));
    TRY_DONE(archive_bytes_create(archive->file, archive->path, bytes));
done:
    h5_close(&to);
    h5_close(&from);
    h5_close(&properties);
    h5_close(&access);
    return h5_settle(h5_close_new(&archive->file, archive->path, "an archive", status), archive->view->path);
}

static enum status make_archive(const char *part, const void *context)
{
    struct archive archive = *(const struct archive *)context;
    int64_t bytes;
    archive.path = part;
    TRY(copy_file(&archive, &bytes));
    return archive_bytes_write(part, bytes);
}

enum status store_archive(const struct store_view *view, const char *path, bool models)
{
    const struct archive archive = {.view = view, .models = models && view->models};
    h5_begin();
    return file_create(path, "an archive", make_archive, &archive);
}
