// Attributes, datasets and groups that other programs added to a results file. Every reader leaves them
// alone; this lists them.
#include "base/memory.h"
#include "store/file_layout.h"
#include "store/h5.h"
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

static const char *const root_attributes[] = {LAYOUT_SWEEP,          LAYOUT_RESOLVED,
                                              LAYOUT_VERSIONS,       LAYOUT_CREATED,
                                              LAYOUT_SCHEMA_VERSION, LAYOUT_ATTRIBUTES_CHECKSUM,
                                              LAYOUT_ARCHIVE,        NULL};
static const char *const dimension_attributes[] = {"CLASS",          "NAME",        "DIMENSION_LIST",
                                                   "REFERENCE_LIST", "flag_values", NULL};
static const char *const no_attributes[] = {NULL};

// Adds the attributes of `object` that are in neither list.
static void list_attributes(hid_t object, const char *owner, const char *const *ours, const char *const *also,
                            struct text *list)
{
    char name[256];
    int count = H5Aget_num_attrs(object);
    for (int i = 0; i < count; i++)
        if (H5Aget_name_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, (hsize_t)i, name, sizeof name,
                               H5P_DEFAULT) > 0 &&
            !is_listed(name, ours) && !is_listed(name, also))
            text_format(list, "\n  attribute `%s` of %s", name, owner);
}

// The members of a run's group, of which the first `ours` belong to this program.
static enum status list_run(const struct store_view *view, const char *group_name, int ours,
                            struct text *list)
{
    struct h5_names names = {0};
    hid_t group = H5Gopen2(view->file, group_name, H5P_DEFAULT);
    enum status status = group < 0 ? h5_read_failure(view->path, group_name) : STATUS_OK;
    if (status == STATUS_OK)
        status = h5_names_read(group, view->path, &names);
    if (status == STATUS_OK)
        list_attributes(group, group_name, no_attributes, no_attributes, list);
    for (int i = 0; i < names.count; i++) {
        if (i >= ours) {
            text_format(list, "\n  %s/%s", group_name, names.name[i]);
            continue;
        }
        char *path = memory_format("%s/%s", group_name, names.name[i]);
        hid_t dataset = H5Dopen2(group, names.name[i], H5P_DEFAULT);
        list_attributes(dataset, path, no_attributes, no_attributes, list);
        h5_close(&dataset);
        free(path);
    }
    h5_names_free(&names);
    h5_close(&group);
    return status;
}

static bool is_run(const struct store_view *view, const char *name)
{
    char *const *ids = column_find(&view->columns, LAYOUT_RUN_ID)->texts;
    int64_t run = 0;
    while (run < view->runs && strcmp(ids[run], name) != 0)
        run++;
    return run < view->runs;
}

// Members of /models or /checkpoints that are no run's. Every run has its group there, as view_open and the
// probe have checked.
static enum status list_others(const struct store_view *view, const char *parent, struct text *list)
{
    struct h5_names names = {0};
    hid_t group = H5Gopen2(view->file, parent, H5P_DEFAULT);
    if (group < 0)
        return h5_read_failure(view->path, parent);
    list_attributes(group, parent, no_attributes, no_attributes, list);
    enum status status = h5_names_read(group, view->path, &names);
    for (int i = 0; i < names.count && names.count > view->runs; i++)
        if (!is_run(view, names.name[i]))
            text_format(list, "\n  %s/%s", parent, names.name[i]);
    h5_names_free(&names);
    h5_close(&group);
    return status;
}

static enum status list_models(const struct store_view *view, struct text *list)
{
    TRY(list_others(view, LAYOUT_MODELS, list));
    for (int64_t run = 0; run < view->runs; run++) {
        struct store_parameters *parameters;
        TRY(view_parameters(view, run, false, &parameters));
        char *group =
            memory_format(LAYOUT_MODELS "/%s", column_find(&view->columns, LAYOUT_RUN_ID)->texts[run]);
        enum status status = list_run(view, group, parameters->model.tensors, list);
        free(group);
        store_parameters_free(&parameters);
        TRY(status);
    }
    return STATUS_OK;
}

static enum status list_checkpoints(const struct store_view *view, struct text *list)
{
    TRY(list_others(view, LAYOUT_CHECKPOINTS, list));
    for (int64_t run = 0; run < view->runs; run++) {
        char *group =
            memory_format(LAYOUT_CHECKPOINTS "/%s", column_find(&view->columns, LAYOUT_RUN_ID)->texts[run]);
        enum status status = list_run(view, group, 1, list);
        free(group);
        TRY(status);
    }
    return STATUS_OK;
}

static enum status list_root_attributes(const struct store_view *view, struct text *list)
{
    hid_t root = H5Gopen2(view->file, "/", H5P_DEFAULT);
    if (root < 0)
        return h5_read_failure(view->path, "its root");
    list_attributes(root, "the file", root_attributes, no_attributes, list);
    h5_close(&root);
    return STATUS_OK;
}

static void list_root(const struct store_view *view, const struct h5_names *names, struct text *list)
{
    static const char *const groups[] = {LAYOUT_MODELS, LAYOUT_CHECKPOINTS, LAYOUT_INTERNAL, NULL};
    int64_t datasets = 0;
    for (int i = 0; i < names->count; i++) {
        hid_t dataset = datasets < view->datasets && !is_listed(names->name[i], groups)
                            ? H5Dopen2(view->file, names->name[i], H5P_DEFAULT)
                            : 0;
        if (dataset > 0) {
            datasets++;
            list_attributes(dataset, names->name[i], immutable_attributes, dimension_attributes, list);
        } else if (!is_listed(names->name[i], groups)) {
            text_format(list, "\n  %s", names->name[i]);
        }
        h5_close(&dataset);
    }
}

enum status view_foreign(const struct store_view *view, struct text *list)
{
    struct h5_names names;
    TRY(list_root_attributes(view, list));
    TRY(h5_names_read(view->file, view->path, &names));
    list_root(view, &names, list);
    h5_names_free(&names);
    if (view->models)
        TRY(list_models(view, list));
    return view->archive ? STATUS_OK : list_checkpoints(view, list);
}
