// Lists the foreign attributes, datasets and groups of a results file: those that other programs added. No
// other reader of this program looks at them.
#include "base/memory.h"
#include "store/immutable.h"
#include "store/view.h"

#include <stdlib.h>
#include <string.h>

static bool is_listed(const char *name, const char *const *list)
{
    while (*list && strcmp(*list, name) != 0)
        list++;
    return *list != NULL;
}

static const char *const groups[] = {LAYOUT_MODELS, LAYOUT_CHECKPOINTS, LAYOUT_INTERNAL, NULL};
static const char *const root_attributes[] = {LAYOUT_SWEEP,          LAYOUT_RESOLVED,
                                              LAYOUT_VERSIONS,       LAYOUT_CREATED,
                                              LAYOUT_SCHEMA_VERSION, LAYOUT_ATTRIBUTES_CHECKSUM,
                                              LAYOUT_ARCHIVE,        NULL};
static const char *const dimension_attributes[] = {"CLASS",          "NAME",        "DIMENSION_LIST",
                                                   "REFERENCE_LIST", "flag_values", NULL};

static bool is_own_attribute(const char *path, bool dataset, const char *name)
{
    if (!dataset)
        return strcmp(path, "/") == 0 && is_listed(name, root_attributes);
    return !strchr(path + 1, '/') &&
           (is_listed(name, immutable_attributes) || is_listed(name, dimension_attributes));
}

static void list_attributes(hid_t object, const char *path, struct text *list)
{
    bool dataset = H5Iget_type(object) == H5I_DATASET;
    char name[256];
    int count = H5Aget_num_attrs(object);
    for (int i = 0; i < count; i++)
        if (H5Aget_name_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, (hsize_t)i, name, sizeof name,
                               H5P_DEFAULT) > 0 &&
            !is_own_attribute(path, dataset, name))
            text_format(list, "\n  attribute `%s` of %s", name, path[1] ? path + 1 : "the file");
}

// Index of the run; -1 if `name` is not the id of a run.
static int64_t run_of(const struct store_view *view, const char *name)
{
    int64_t run = view->runs - 1;
    while (run >= 0 && strcmp(view_run_id(view, run), name) != 0)
        run--;
    return run;
}

// Number of datasets of this program in the group at `path`: they come before the foreign ones.
static enum status count_own_datasets(const struct store_view *view, const char *path, int64_t *count)
{
    static const char models[] = "/" LAYOUT_MODELS "/", checkpoints[] = "/" LAYOUT_CHECKPOINTS "/";
    struct store_parameters *parameters = NULL;
    *count = strcmp(path, "/") == 0 ? view->datasets : strncmp(path, checkpoints, strlen(checkpoints)) == 0;
    if (strncmp(path, models, strlen(models)) != 0)
        return STATUS_OK;
    TRY(view_parameters(view, run_of(view, path + strlen(models)), false, &parameters));
    *count = parameters->model.tensors;
    store_parameters_free(&parameters);
    return STATUS_OK;
}

// Lists the foreign attributes and members of the group at `path`, and of the own groups in it. view_open and
// the probe have checked that every run has its groups.
static enum status list_group(const struct store_view *view, const char *path, struct text *list)
{
    enum status status = STATUS_OK;
    bool root = strcmp(path, "/") == 0;
    struct h5_names names = {0};
    int64_t own_datasets;
    hid_t group = H5Gopen2(view->file, path, H5P_DEFAULT);
    if (group < 0)
        return h5_read_failure(view->path, path);
    TRY_DONE(h5_names_read(root ? view->file : group, view->path, &names));
    TRY_DONE(count_own_datasets(view, path, &own_datasets));
    list_attributes(group, path, list);
    for (int i = 0; i < names.count && status == STATUS_OK; i++) {
        char *member = memory_format("%s/%s", root ? "" : path, names.name[i]);
        hid_t object = H5Oopen(group, names.name[i], H5P_DEFAULT);
        bool dataset = H5Iget_type(object) == H5I_DATASET;
        if (is_listed(path + 1, groups) && run_of(view, names.name[i]) >= 0)
            status = list_group(view, member, list);
        else if (dataset && own_datasets-- > 0)
            list_attributes(object, member, list);
        else if (!root || !is_listed(names.name[i], groups))
            text_format(list, "\n  %s", member + 1);
        h5_close(&object);
        free(member);
    }
done:
    h5_names_free(&names);
    h5_close(&group);
    return status;
}

enum status view_foreign(const struct store_view *view, struct text *list)
{
    TRY(list_group(view, "/", list));
    if (view->models)
        TRY(list_group(view, "/" LAYOUT_MODELS, list));
    return view->archive ? STATUS_OK : list_group(view, "/" LAYOUT_CHECKPOINTS, list);
}
