#include "store/h5.h"

#include "base/memory.h"
#include "store/file.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// After a failed write nothing is closed: HDF5 would repeat the write and crash.
static bool write_failed;

void h5_close(hid_t *id)
{
    if (*id > 0 && !write_failed)
        H5Idec_ref(*id);
    *id = 0;
}

static void (*heartbeat)(bool reading);
static bool reading; // from h5_begin to h5_settle

void store_set_heartbeat(void (*function)(bool reading))
{
    heartbeat = function;
}

void h5_beat(void)
{
    if (heartbeat && reading)
        heartbeat(true);
}

hid_t h5_access(void)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18);
#if H5_VERSION_GE(1, 12, 1) || (H5_VERSION_GE(1, 10, 7) && !H5_VERSION_GE(1, 12, 0))
    H5Pset_file_locking(access, false, true);
#endif // earlier versions: see h5_begin
    return access;
}

// Links in the header are smaller and several times faster to create than the B-tree that HDF5 starts at the
// ninth link by default. The order of creation serves h5netcdf, which asks HDF5 for the names of each
// variable's dimensions: HDF5 searches the whole file for them (30 s at 10,000 runs) unless they come first.
hid_t h5_links(hid_t class, unsigned max)
{
    hid_t properties = H5Pcreate(class);
    H5Pset_link_creation_order(properties, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    H5Pset_link_phase_change(properties, max, 0);
    return properties;
}

hid_t h5_contiguous(void)
{
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY);
    H5Pset_obj_track_times(properties, false);
    return properties;
}

hid_t h5_text_type(void)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

// ---- failures ----

// The last failure of an HDF5 function: the description and the errno (0: none) of the innermost function.
static struct {
    char reason[256];
    int error;
} last = {"no reason given", 0};

static int disk_error; // EIO or ESTALE if a read of the disk failed since h5_begin or h5_settle; else 0

static herr_t innermost(unsigned n, const H5E_error2_t *error, void *context)
{
    (void)context;
    if (n == 0 && error->desc)
        snprintf(last.reason, sizeof last.reason, "%s", error->desc);
    return 0;
}

// HDF5 calls this function whenever one of its functions fails, also if an object is merely missing.
static herr_t record(hid_t stack, void *context)
{
    (void)stack, (void)context;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, innermost, NULL);
    const char *error = strstr(last.reason, "errno = ");
    last.error = error ? atoi(error + strlen("errno = ")) : 0;
    if (last.error == EIO || last.error == ESTALE)
        disk_error = last.error;
    return 0;
}

void h5_begin(void)
{
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 0);
    H5dont_atexit(); // the store closes every file except one that could not be written
    H5Eset_auto2(H5E_DEFAULT, record, NULL);
    disk_error = 0;
    reading = true;
    h5_beat();
}

void store_begin(void)
{
    h5_begin();
}

enum status h5_settle(enum status status, const char *path)
{
    int error = disk_error;
    disk_error = 0;
    reading = false;
    if (heartbeat)
        heartbeat(false);
    if (error && (status == STATUS_OK || status == STATUS_RESULTS))
        FAIL(STATUS_MACHINE, "%s cannot be read: %s", path, strerror(error));
    return status;
}

enum status h5_read_failure(const char *path, const char *what)
{
    if (last.error)
        FAIL(STATUS_MACHINE, "%s: cannot read %s: %s", path, what, strerror(last.error));
    FAIL(STATUS_RESULTS, "%s is damaged: %s cannot be read (%s)", path, what, last.reason);
}

enum status h5_write_failure(const char *path, const char *what)
{
    write_failed = true;
    if (last.error || errno == EFBIG) // the driver for files in memory does not report errno
        return file_write_failure(path, what, last.error ? last.error : errno);
    FAIL(STATUS_MACHINE, "%s: cannot write %s: %s; run the same command again", path, what, last.reason);
}

enum status h5_close_new(hid_t *file, const char *path, const char *what, enum status status)
{
    if (*file > 0 && status == STATUS_OK && H5Fflush(*file, H5F_SCOPE_GLOBAL) < 0)
        status = h5_write_failure(path, what);
    if (*file > 0 && !write_failed && H5Fclose(*file) < 0)
        status = h5_write_failure(path, what);
    *file = 0;
    return status;
}

// ---- creation ----

hid_t h5_dataset_create(hid_t parent, const char *name, hid_t type, int rank, const hsize_t *shape,
                        hid_t properties)
{
    hid_t space = H5Screate_simple(rank, shape, NULL), links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    hid_t dataset = H5Dcreate2(parent, name, type, space, links, properties, H5P_DEFAULT);
    h5_close(&links);
    h5_close(&space);
    return dataset;
}

herr_t h5_attribute_write(hid_t object, const char *name, hid_t type, hsize_t count, const void *value)
{
    hid_t space = count ? H5Screate_simple(1, &count, NULL) : H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    herr_t result = attribute < 0 ? -1 : H5Awrite(attribute, type, value);
    h5_close(&attribute);
    h5_close(&space);
    return result;
}

herr_t h5_attribute_write_text(hid_t object, const char *name, const char *text)
{
    hid_t type = h5_text_type();
    herr_t result = h5_attribute_write(object, name, type, 0, &text);
    h5_close(&type);
    return result;
}

// ---- datasets ----

static bool shape_is(hid_t dataset, int rank, const hsize_t *shape)
{
    hsize_t dims[H5S_MAX_RANK];
    hid_t space = H5Dget_space(dataset);
    bool same = H5Sget_simple_extent_dims(space, dims, NULL) == rank;
    h5_close(&space);
    return same && memcmp(dims, shape, (size_t)rank * sizeof *dims) == 0;
}

static bool type_is(hid_t dataset, H5T_class_t class, size_t size)
{
    hid_t type = H5Dget_type(dataset);
    bool variable = H5Tis_variable_str(type) > 0;
    bool same = H5Tget_class(type) == class && (size ? !variable && H5Tget_size(type) == size : variable);
    h5_close(&type);
    return same;
}

// Opening the file has checked that the file is as long as its superblock says. HDF5 checks the offsets of
// chunks when it reads them.
static bool is_inside_file(hid_t dataset)
{
    hsize_t size = 0, bytes = H5Dget_storage_size(dataset);
    haddr_t offset = H5Dget_offset(dataset);
    hid_t file = H5Iget_file_id(dataset);
    bool known = H5Fget_filesize(file, &size) >= 0;
    H5Fclose(file);
    return offset == HADDR_UNDEF || (known && offset <= size && bytes <= size - offset);
}

enum status h5_array_check(hid_t dataset, const char *path, const struct h5_array *array)
{
    h5_beat();
    if (dataset < 0)
        FAIL(STATUS_RESULTS, "%s is damaged: it has no `%s`", path, array->name);
    if (H5Iget_type(dataset) != H5I_DATASET || !shape_is(dataset, array->rank, array->shape) ||
        !type_is(dataset, array->class, array->size))
        FAIL(STATUS_RESULTS, "%s is damaged: `%s` has an unexpected type or shape", path, array->name);
    if (!is_inside_file(dataset))
        FAIL(STATUS_RESULTS, "%s is damaged: `%s` lies outside the file", path, array->name);
    return STATUS_OK;
}

enum status h5_array_locate(hid_t parent, const char *path, const struct h5_array *array, int64_t *offset)
{
    hid_t dataset = H5Dopen2(parent, array->name, H5P_DEFAULT);
    enum status status = h5_array_check(dataset, path, array);
    if (status == STATUS_OK)
        *offset = (int64_t)H5Dget_offset(dataset); // HADDR_UNDEF is -1
    h5_close(&dataset);
    return status;
}

static hid_t native_type(const struct h5_array *array)
{
    if (array->class == H5T_FLOAT)
        return array->size == 4 ? H5T_NATIVE_FLOAT : H5T_NATIVE_DOUBLE;
    if (array->class == H5T_INTEGER)
        return array->size == 1 ? H5T_NATIVE_UINT8 : H5T_NATIVE_INT64;
    return H5T_C_S1;
}

enum status h5_array_read(hid_t parent, const char *path, const struct h5_array *array, int64_t row,
                          void *values)
{
    hid_t dataset = H5Dopen2(parent, array->name, H5P_DEFAULT), space = H5S_ALL, memory = H5S_ALL;
    enum status status = h5_array_check(dataset, path, array);
    if (status == STATUS_OK && row >= 0) {
        const hsize_t start[2] = {(hsize_t)row, 0}, count[2] = {1, array->shape[1]};
        space = H5Dget_space(dataset);
        memory = H5Screate_simple(array->rank, count, NULL);
        H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
    }
    if (status == STATUS_OK && H5Dread(dataset, native_type(array), memory, space, H5P_DEFAULT, values) < 0)
        status = h5_read_failure(path, array->name);
    h5_close(&memory);
    h5_close(&space);
    h5_close(&dataset);
    return status;
}

enum status h5_values_read(hid_t object, const char *path, const char *name, struct h5_values *values)
{
    bool attribute = H5Iget_type(object) == H5I_ATTR;
    h5_beat();
    *values = (struct h5_values){.type = attribute ? H5Aget_type(object) : H5Dget_type(object),
                                 .space = attribute ? H5Aget_space(object) : H5Dget_space(object)};
    if (values->type < 0 || values->space < 0)
        return h5_read_failure(path, name);
    values->count = (size_t)H5Sget_simple_extent_npoints(values->space);
    values->size = H5Tget_size(values->type);
    TRY(memory_alloc(values->count * values->size, &values->bytes));
    herr_t result = attribute ? H5Aread(object, values->type, values->bytes)
                              : H5Dread(object, values->type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values->bytes);
    return result < 0 ? h5_read_failure(path, name) : STATUS_OK;
}

void h5_values_free(struct h5_values *values)
{
    if (values->bytes &&
        (H5Tis_variable_str(values->type) > 0 || H5Tdetect_class(values->type, H5T_VLEN) > 0))
        H5Dvlen_reclaim(values->type, values->space, H5P_DEFAULT, values->bytes);
    memory_free(&values->bytes);
    h5_close(&values->space);
    h5_close(&values->type);
}

// ---- attributes, dimensions, names ----

// Opens an attribute of one element of this class; returns 0 if the object has none.
static hid_t open_attribute(hid_t object, const char *name, H5T_class_t class)
{
    h5_beat();
    if (H5Aexists(object, name) <= 0)
        return 0;
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    if (H5Tget_class(type) != class || H5Sget_simple_extent_npoints(space) != 1 ||
        (class == H5T_STRING && H5Tis_variable_str(type) <= 0))
        h5_close(&attribute);
    h5_close(&space);
    h5_close(&type);
    return attribute;
}

char *h5_attribute_text(hid_t object, const char *name)
{
    char *text = NULL, *copy = NULL;
    hid_t attribute = open_attribute(object, name, H5T_STRING), type = h5_text_type();
    if (attribute > 0 && H5Aread(attribute, type, &text) >= 0)
        copy = memory_text(text ? text : "");
    H5free_memory(text);
    h5_close(&type);
    h5_close(&attribute);
    return copy;
}

int64_t h5_attribute_int(hid_t object, const char *name)
{
    int64_t value;
    hid_t attribute = open_attribute(object, name, H5T_INTEGER);
    bool known = attribute > 0 && H5Aread(attribute, H5T_NATIVE_INT64, &value) >= 0;
    h5_close(&attribute);
    return known ? value : -1;
}

int64_t h5_dimension(hid_t file, const char *name)
{
    hid_t scale = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(scale);
    int64_t length = H5Sget_simple_extent_ndims(space) == 1 ? H5Sget_simple_extent_npoints(space) : -1;
    h5_close(&space);
    h5_close(&scale);
    return length;
}

struct visitor {
    enum status (*visit)(hid_t item, const char *name, void *context);
    void *context;
    enum status status;
};

static herr_t visit_item(struct visitor *visitor, hid_t item, const char *name)
{
    h5_beat();
    visitor->status = visitor->visit(item, name, visitor->context);
    h5_close(&item);
    return visitor->status != STATUS_OK;
}

static herr_t visit_link(hid_t group, const char *name, const H5L_info_t *link, void *visitor)
{
    return visit_item(visitor, link->type == H5L_TYPE_HARD ? H5Oopen(group, name, H5P_DEFAULT) : -1, name);
}

static herr_t visit_attribute(hid_t object, const char *name, const H5A_info_t *info, void *visitor)
{
    (void)info;
    return visit_item(visitor, H5Aopen(object, name, H5P_DEFAULT), name);
}

static H5_index_t order_of(hid_t group)
{
    unsigned flags = 0;
    hid_t same = H5Gopen2(group, ".", H5P_DEFAULT),
          properties = H5Gget_create_plist(same); // `group`: or a file
    H5Pget_link_creation_order(properties, &flags);
    h5_close(&properties);
    h5_close(&same);
    return flags & H5P_CRT_ORDER_TRACKED ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
}

enum status h5_visit(hid_t group, const char *path, enum status (*visit)(hid_t, const char *, void *),
                     void *context)
{
    struct visitor visitor = {visit, context, STATUS_OK};
    if (H5Literate(group, order_of(group), H5_ITER_INC, NULL, visit_link, &visitor) < 0)
        return h5_read_failure(path, "the list of a group");
    return visitor.status;
}

enum status h5_visit_attributes(hid_t object, const char *path,
                                enum status (*visit)(hid_t, const char *, void *), void *context)
{
    struct visitor visitor = {visit, context, STATUS_OK};
    if (H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, NULL, visit_attribute, &visitor) < 0)
        return h5_read_failure(path, "the list of an object's attributes");
    return visitor.status;
}
