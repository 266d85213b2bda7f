// Lists the foreign attributes, datasets and groups of a results file: those that other programs added. No
// other reader of this program looks at them.
#include "base/memory.h"
#include "store/checksum.h"
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

// Where foreign members are looked for, and the list of them.
struct listing {
    const struct store_view *view;
    const char *path; // of a group, or of a dataset in it
    int64_t datasets; // number of datasets of the group that belong to this program: they come first
    bool is_dataset;
    struct text *list;
};

static enum status list_attribute(hid_t attribute, const char *name, void *context)
{
    (void)attribute;
    const struct listing *listing = context;
    const char *path = listing->path;
    bool own = !path[1] && is_listed(name, root_attributes);
    if (listing->is_dataset && !strchr(path + 1, '/')) // a column
        own = is_listed(name, checksum_attributes) || is_listed(name, dimension_attributes);
    if (!own)
        text_format(listing->list, "\n  attribute `%s` of %s", name, path[1] ? path + 1 : "the file");
    return STATUS_OK;
}

// Index of the run; -1 if `name` is not the id of a run.
static int64_t run_of(const struct store_view *view, const char *name)
{
    int64_t run = view->runs - 1;
    while (run >= 0 && strcmp(view_run_id(view, run), name) != 0)
        run--;
    return run;
}

// Lists a member that is foreign, or the foreign attributes of one that is not.
static enum status list_member(hid_t member, const char *name, void *context)
{
    struct listing *listing = context;
    const char *path = listing->path;
    enum status status = STATUS_OK;
    if (is_listed(path + 1, groups) ? run_of(listing->view, name) >= 0 : !path[1] && is_listed(name, groups))
        return STATUS_OK;
    char *member_path = memory_format("%s/%s", path[1] ? path : "", name);
    if (H5Iget_type(member) == H5I_DATASET && listing->datasets-- > 0)
        status = h5_visit_attributes(member, listing->view->path, list_attribute,
                                     &(struct listing){NULL, member_path, 0, true, listing->list});
    else
        text_format(listing->list, "\n  %s", member_path + 1);
    free(member_path);
    return status;
}

static enum status list_group(const struct store_view *view, const char *path, int64_t datasets,
                              struct text *list)
{
    struct listing listing = {view, path, datasets, false, list};
    hid_t group = H5Gopen2(view->file, path, H5P_DEFAULT);
    enum status status = h5_visit_attributes(group, view->path, list_attribute, &listing);
    if (status == STATUS_OK)
        status = h5_visit(group, view->path, list_member, &listing);
    h5_close(&group);
    return status;
}

// view_open and the probe have checked that every run has its groups.
static enum status list_runs(const struct store_view *view, const char *parent, struct text *list)
{
    bool models = strcmp(parent, "/" LAYOUT_MODELS) == 0;
    TRY(list_group(view, parent, 0, list));
    for (int64_t run = 0; run < view->runs; run++) {
        struct store_parameters *parameters = NULL;
        if (models)
            TRY(view_parameters(view, run, false, &parameters));
        char *path = memory_format("%s/%s", parent, view_run_id(view, run));
        enum status status = list_group(view, path, models ? parameters->model.tensors : 1, list);
        free(path);
        store_parameters_free(&parameters);
        TRY(status);
    }
    return STATUS_OK;
}

enum status view_foreign(const struct store_view *view, struct text *list)
{
    TRY(list_group(view, "/", view->datasets, list));
    if (view->models)
        TRY(list_runs(view, "/" LAYOUT_MODELS, list));
    return view->archive ? STATUS_OK : list_runs(view, "/" LAYOUT_CHECKPOINTS, list);
}
