#include "store/tensors.h"

#include "base/memory.h"
#include "store/layout.h"

#include <stdlib.h>

// The column `parameters` of the run; INT64_MAX in a file without it.
static enum status read_parameters(hid_t file, const char *path, int64_t run, int64_t *parameters)
{
    *parameters = INT64_MAX;
    if (H5Lexists(file, LAYOUT_PARAMETERS, H5P_DEFAULT) <= 0)
        return STATUS_OK;
    hid_t dataset = H5Dopen2(file, LAYOUT_PARAMETERS, H5P_DEFAULT);
    enum status status = STATUS_OK;
    if (h5_read_part(dataset, H5T_NATIVE_INT64, 1, (hsize_t[]){(hsize_t)run}, (hsize_t[]){1}, parameters) < 0)
        status = h5_read_failure(path, LAYOUT_PARAMETERS);
    h5_close(&dataset);
    return status;
}

static int64_t values_of(hid_t group, const char *name)
{
    hid_t dataset = H5Dopen2(group, name, H5P_DEFAULT), space = dataset < 0 ? dataset : H5Dget_space(dataset);
    hssize_t values = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
    h5_close(&space);
    h5_close(&dataset);
    return values;
}

// Shortens the list of members to the tensors.
static enum status keep_tensors(hid_t group, const char *path, const char *name, int64_t parameters,
                                struct h5_names *names)
{
    int64_t found = 0;
    int tensors = 0;
    for (; tensors < names->count && found < parameters; tensors++) {
        int64_t values = values_of(group, names->name[tensors]);
        if (values < 0)
            return h5_read_failure(path, names->name[tensors]);
        found += values;
    }
    if (parameters != INT64_MAX && found != parameters)
        FAIL(STATUS_RESULTS, "%s is damaged: %s holds %lld values; the run has %lld parameters", path, name,
             (long long)found, (long long)parameters);
    while (names->count > tensors)
        free(names->name[--names->count]);
    return STATUS_OK;
}

enum status tensors_open(hid_t file, const char *path, int64_t run, const char *run_id, hid_t *group,
                         struct h5_names *names)
{
    enum status status = STATUS_OK;
    int64_t parameters;
    char *name = memory_format(LAYOUT_MODELS "/%s", run_id);
    *names = (struct h5_names){0};
    *group = H5Gopen2(file, name, H5P_DEFAULT);
    if (*group < 0)
        TRY_DONE(h5_read_failure(path, name));
    TRY_DONE(read_parameters(file, path, run, &parameters));
    TRY_DONE(h5_names_read(*group, path, names));
    TRY_DONE(keep_tensors(*group, path, name, parameters, names));
done:
    free(name);
    return status;
}
