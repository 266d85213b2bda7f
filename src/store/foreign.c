// Lists the foreign attributes, datasets and groups of a results file: those that other programs added. No
// other reader of this program looks at them.
#include "base/memory.h"
#include "store/immutable.h"
#include "store/view.h"

#include <stdlib.h>
#include <string.h>

struct listing {
    const struct store_view *view;
    struct text *list;
};

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
static const char *const no_attributes[] = {NULL};

// Lists the attributes of `object` that neither `own` nor `also_own` names.
static void list_attributes(const struct listing *listing, hid_t object, const char *path,
                            const char *const *own, const char *const *also_own)
{
    char name[256];
    int count = H5Aget_num_attrs(object);
    for (int i = 0; i < count; i++)
        if (H5Aget_name_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, (hsize_t)i, name, sizeof name,
                               H5P_DEFAULT) > 0 &&
            !is_listed(name, own) && !is_listed(name, also_own))
            text_format(listing->list, "\n  attribute `%s` of %s", name, path);
}

// Opens a group, lists its attributes and reads the names of its members.
static enum status open_group(const struct listing *listing, const char *path, struct h5_names *names,
                              hid_t *group)
{
    *names = (struct h5_names){0};
    *group = H5Gopen2(listing->view->file, path, H5P_DEFAULT);
    if (*group < 0)
        return h5_read_failure(listing->view->path, path);
    list_attributes(listing, *group, path, no_attributes, no_attributes);
    return h5_names_read(*group, listing->view->path, names);
}

// Lists what is foreign in the group of a run, whose first `own` members belong to this program.
static enum status list_run(const struct listing *listing, const char *parent, const char *run_id, int own)
{
    struct h5_names names;
    hid_t group;
    char *path = memory_format("%s/%s", parent, run_id);
    enum status status = open_group(listing, path, &names, &group);
    for (int i = 0; i < names.count; i++) {
        char *member = memory_format("%s/%s", path, names.name[i]);
        hid_t dataset = i < own ? H5Dopen2(group, names.name[i], H5P_DEFAULT) : 0;
        if (dataset > 0)
            list_attributes(listing, dataset, member, no_attributes, no_attributes);
        else
            text_format(listing->list, "\n  %s", member);
        h5_close(&dataset);
        free(member);
    }
    h5_names_free(&names);
    h5_close(&group);
    free(path);
    return status;
}

static bool is_run(const struct store_view *view, const char *name)
{
    int64_t run = 0;
    while (run < view->runs && strcmp(view_run_id(view, run), name) != 0)
        run++;
    return run < view->runs;
}

// Lists what is foreign in /models or /checkpoints. view_open and the probe have checked that every run has
// its group there.
static enum status list_runs(const struct listing *listing, const char *parent)
{
    const struct store_view *view = listing->view;
    struct h5_names names;
    hid_t group;
    enum status status = open_group(listing, parent, &names, &group);
    for (int i = 0; i < names.count && names.count > view->runs; i++)
        if (!is_run(view, names.name[i]))
            text_format(listing->list, "\n  %s/%s", parent, names.name[i]);
    h5_names_free(&names);
    h5_close(&group);
    for (int64_t run = 0; run < view->runs && status == STATUS_OK; run++) {
        int own = 1; // `slots`
        struct store_parameters *parameters = NULL;
        if (strcmp(parent, LAYOUT_MODELS) == 0) {
            TRY(view_parameters(view, run, false, &parameters));
            own = parameters->model.tensors;
        }
        store_parameters_free(&parameters);
        status = list_run(listing, parent, view_run_id(view, run), own);
    }
    return status;
}

static enum status list_root(const struct listing *listing)
{
    const struct store_view *view = listing->view;
    int64_t datasets = 0;
    struct h5_names names;
    hid_t root = H5Gopen2(view->file, "/", H5P_DEFAULT);
    if (root < 0)
        return h5_read_failure(view->path, "its root");
    list_attributes(listing, root, "the file", root_attributes, no_attributes);
    enum status status = h5_names_read(view->file, view->path, &names);
    for (int i = 0; i < names.count; i++) {
        if (is_listed(names.name[i], groups))
            continue;
        hid_t dataset = datasets < view->datasets ? H5Dopen2(root, names.name[i], H5P_DEFAULT) : 0;
        if (dataset > 0)
            list_attributes(listing, dataset, names.name[i], immutable_attributes, dimension_attributes);
        else
            text_format(listing->list, "\n  %s", names.name[i]);
        datasets += dataset > 0;
        h5_close(&dataset);
    }
    h5_names_free(&names);
    h5_close(&root);
    return status;
}

enum status view_foreign(const struct store_view *view, struct text *list)
{
    const struct listing listing = {view, list};
    TRY(list_root(&listing));
    if (view->models)
        TRY(list_runs(&listing, LAYOUT_MODELS));
    return view->archive ? STATUS_OK : list_runs(&listing, LAYOUT_CHECKPOINTS);
}
