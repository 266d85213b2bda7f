#include "sweep/reader.h"

#include "base/memory.h"
#include "sweep/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAME_CHARACTERS = 80 };

// Records an error "KEY: <description of the node>; expected ...".
static void refuse(const struct grid *grid, const struct node *node, const char *key, const char *expected)
{
    char words[64];
    diagnostics_add(grid->diagnostics, node->location, key, "%s; expected %s", document_words(node, words),
                    expected);
}

// True for a key without a value, such as one before commented lines. Counts as an empty list or mapping.
static bool is_empty(const struct node *node)
{
    return node->type == NODE_SCALAR && node->scalar[0] == '\0' && !node->quoted;
}

// ---- one setting ----

static bool is_set_already(const struct grid *grid, enum setting_id id, struct source_location location)
{
    if (!grid->is_set[id])
        return false;
    diagnostics_add(grid->diagnostics, location, settings_name(id),
                    "is given a second time; line %d has it first", grid_location(grid, id).line);
    return true;
}

// True for a list where the setting takes a scalar, and for a list of lists where it takes a list. An amount
// takes a list of two numbers, and a number as a list of one.
static bool looks_like_axis(enum setting_id id, const struct node *node)
{
    if (node->type != NODE_LIST)
        return false;
    if (settings[id].type == SETTING_AMOUNT && node->count <= 2)
        return node->count > 0 &&
               (node->items[0].type == NODE_LIST || node->items[node->count - 1].type == NODE_LIST);
    return !settings_is_list(id) || (node->count > 0 && node->items[0].type == NODE_LIST);
}

static bool parse(struct grid *grid, enum setting_id id, const struct node *node, struct value *value)
{
    int before = grid->diagnostics->count;
    bool valid = value_parse(id, node, grid->diagnostics, value);
    if (grid->diagnostics->count > before)
        grid->has_error[id] = true;
    return valid;
}

static void read_fixed(struct grid *grid, enum setting_id id, const struct node *node)
{
    struct value value;
    if (is_set_already(grid, id, node->location))
        return;
    if (looks_like_axis(id, node)) {
        refuse(grid, node, settings_name(id), "one value here; several make an axis, under `axes:`");
        grid->has_error[id] = true;
    } else if (parse(grid, id, node, &value)) {
        grid_fix(grid, id, &value);
    }
}

// ---- axes ----

static int compare_rows(const struct axis *axis, const struct value *x, const struct value *y)
{
    int order = 0;
    for (int i = 0; i < axis->width && order == 0; i++)
        order = value_compare(&x[i], &y[i]);
    return order;
}

static int by_value(const void *a, const void *b, void *axis)
{
    const struct value *x = *(const struct value *const *)a, *y = *(const struct value *const *)b;
    int order = compare_rows(axis, x, y);
    return order ? order : (x > y) - (x < y); // equal values in the order of the file
}

static void refuse_duplicates(const struct grid *grid, struct axis *axis, const char *key)
{
    const struct value **rows = memory_small((size_t)axis->count * sizeof *rows);
    for (int64_t i = 0; i < axis->count; i++)
        rows[i] = &axis->values[i * axis->width];
    qsort_r(rows, (size_t)axis->count, sizeof *rows, by_value, axis);
    for (int64_t i = 1; i < axis->count; i++) {
        if (compare_rows(axis, rows[i - 1], rows[i]) != 0)
            continue;
        struct text value = {0};
        for (int j = 0; j < axis->width; j++) {
            text_add(&value, j > 0 ? ", " : "");
            value_print_yaml(axis->ids[j], &rows[i][j], &value);
        }
        diagnostics_add(grid->diagnostics, rows[i]->location, key,
                        "`%s` is in the axis twice; expected different values", value.chars);
        text_free(&value);
    }
    free(rows);
}

// Adds the axis to the grid, which takes ownership of its values.
static void add_axis(struct grid *grid, struct axis *axis, const char *key)
{
    int before = grid->diagnostics->count;
    refuse_duplicates(grid, axis, key);
    for (int i = 0; i < axis->width && grid->diagnostics->count > before; i++)
        grid->has_error[axis->ids[i]] = true;
    if (axis->count > 0)
        grid_add_axis(grid, axis);
    else
        free(axis->values);
}

static bool is_axis_list(const struct grid *grid, const struct node *node, const char *key,
                         const char *example)
{
    char expected[80];
    snprintf(expected, sizeof expected, "a list of values%s", example);
    if (node->type != NODE_LIST) {
        refuse(grid, node, key, expected);
        return false;
    }
    if (node->count == 0) {
        diagnostics_add(grid->diagnostics, node->location, key, "an empty axis; expected %s", expected);
        return false;
    }
    return true;
}

static void read_axis(struct grid *grid, enum setting_id id, const struct node *node)
{
    const char *name = settings_name(id);
    bool lists = settings_is_list(id);
    const char *example = lists ? ", each of them a list: [[128, 256], [256]]" : "";
    if (is_set_already(grid, id, node->location))
        return;
    if (!is_axis_list(grid, node, name, example)) {
        grid->has_error[id] = true;
        return;
    }
    if (lists && !looks_like_axis(id, node)) {
        diagnostics_add(grid->diagnostics, node->location, name, "one list; expected a list of values%s",
                        example);
        grid->has_error[id] = true;
        return;
    }
    struct axis axis = {.width = 1, .ids = {id}};
    axis.values = memory_small((size_t)node->count * sizeof *axis.values);
    for (int i = 0; i < node->count; i++)
        if (parse(grid, id, &node->items[i], &axis.values[axis.count]))
            axis.count++;
    add_axis(grid, &axis, name);
}

// ---- generators ----

static const char generator_example[] = "a mapping such as {inputs: 2, hidden: [5]}";

// Reads one mapping of the axis `generator` into row [axis->width]. Settings without a key get their default.
static bool read_generator(struct grid *grid, const struct axis *axis, const struct node *node,
                           struct value *row)
{
    bool is_set[SETTINGS] = {false}, valid = node->type == NODE_MAPPING;
    if (!valid)
        refuse(grid, node, "generator", generator_example);
    for (int j = 0; j < axis->width; j++) {
        value_default(axis->ids[j], &row[j]);
        row[j].location = node->location;
    }
    for (int i = 0; i < node->count && valid; i++) {
        const struct node *item = &node->items[i];
        enum setting_id id = keys_in_group(GROUP_GENERATOR, item->key, item->location, grid->diagnostics);
        valid = id != SETTINGS && valid;
        for (int j = 0; j < axis->width; j++)
            if (axis->ids[j] == id)
                valid = parse(grid, id, item, &row[j]) && valid;
        if (id != SETTINGS)
            is_set[id] = true;
    }
    if (valid && !(is_set[SETTING_GENERATOR_INPUTS] && is_set[SETTING_GENERATOR_HIDDEN])) {
        diagnostics_add(grid->diagnostics, node->location, "generator", "a shape is missing; expected %s",
                        generator_example);
        valid = false;
    }
    return valid;
}

static bool any_has_key(const struct node *list, const char *key)
{
    for (int i = 0; i < list->count; i++)
        for (int j = 0; j < list->items[i].count; j++)
            if (list->items[i].type == NODE_MAPPING && strcmp(list->items[i].items[j].key, key) == 0)
                return true;
    return false;
}

static void read_generator_axis(struct grid *grid, const struct node *node)
{
    struct axis axis = {.width = 2, .ids = {SETTING_GENERATOR_INPUTS, SETTING_GENERATOR_HIDDEN}};
    for (enum setting_id id = SETTING_GENERATOR_INIT; id <= SETTING_GENERATOR_OUTPUTS; id++)
        if (any_has_key(node, settings[id].key))
            axis.ids[axis.width++] = id;
    for (int j = 0; j < axis.width; j++) {
        if (is_set_already(grid, axis.ids[j], node->location))
            return;
        grid->has_error[axis.ids[j]] = true; // cleared below once the axis is read
    }
    if (!is_axis_list(grid, node, "generator", ": [{inputs: 2, hidden: [5]}]"))
        return;
    int before = grid->diagnostics->count;
    axis.values = memory_small((size_t)node->count * (size_t)axis.width * sizeof *axis.values);
    for (int i = 0; i < node->count; i++)
        if (read_generator(grid, &axis, &node->items[i], &axis.values[axis.count * axis.width]))
            axis.count++;
    for (int j = 0; j < axis.width; j++)
        grid->has_error[axis.ids[j]] = grid->diagnostics->count > before;
    add_axis(grid, &axis, "generator");
}

// ---- the file ----

static void read_group(struct grid *grid, enum setting_group group, const struct node *node)
{
    if (group == GROUP_GENERATOR && node->type == NODE_LIST) {
        refuse(grid, node, "generator", "one mapping here; several make an axis, under `axes:`");
        grid->has_error[SETTING_GENERATOR_INPUTS] = grid->has_error[SETTING_GENERATOR_HIDDEN] = true;
        return;
    }
    if (node->type != NODE_MAPPING && !is_empty(node)) {
        refuse(grid, node, setting_groups[group], "a mapping of settings");
        return;
    }
    for (int i = 0; i < node->count; i++) {
        const struct node *item = &node->items[i];
        enum setting_id id = keys_in_group(group, item->key, item->location, grid->diagnostics);
        if (id != SETTINGS)
            read_fixed(grid, id, item);
    }
}

static void read_axes(struct grid *grid, const struct node *node)
{
    if (node->type != NODE_MAPPING && !is_empty(node)) {
        refuse(grid, node, "axes", "a mapping from settings to lists of values");
        return;
    }
    for (int i = 0; i < node->count; i++) {
        const struct node *item = &node->items[i];
        if (strcmp(item->key, "generator") == 0) {
            read_generator_axis(grid, item);
            continue;
        }
        enum setting_id id = keys_anywhere(item->key, item->location, grid->diagnostics);
        if (id != SETTINGS)
            read_axis(grid, id, item);
    }
}

static void read_exclusion(struct grid *grid, const struct node *node)
{
    if (node->type != NODE_MAPPING || node->count == 0) {
        refuse(grid, node, "exclude", "a mapping such as {unknowns: 15, seed: 2}");
        return;
    }
    struct exclusion exclusion = {.location = node->location};
    int before = grid->diagnostics->count;
    for (int i = 0; i < node->count; i++) {
        const struct node *item = &node->items[i];
        enum setting_id id = keys_anywhere(item->key, item->location, grid->diagnostics);
        if (id == SETTINGS || !value_parse(id, item, grid->diagnostics, &exclusion.values[exclusion.count]))
            continue;
        exclusion.ids[exclusion.count++] = id;
        if (exclusion.count == SETTINGS)
            break;
    }
    if (grid->diagnostics->count > before)
        return;
    size_t bytes = (size_t)(grid->exclusions + 1) * sizeof *grid->exclusion;
    grid->exclusion = memory_grow(grid->exclusion, bytes);
    grid->exclusion[grid->exclusions++] = exclusion;
}

static void read_exclude(struct grid *grid, const struct node *node)
{
    if (node->type != NODE_LIST && !is_empty(node))
        refuse(grid, node, "exclude", "a list of mappings such as {unknowns: 15, seed: 2}");
    for (int i = 0; node->type == NODE_LIST && i < node->count; i++)
        read_exclusion(grid, &node->items[i]);
}

static void read_name(struct grid *grid, const struct node *node)
{
    int characters = 0;
    bool valid = node->type == NODE_SCALAR;
    for (const char *c = node->scalar; *c; c++) {
        characters += ((unsigned char)*c & 0xc0) != 0x80; // skip continuation bytes of UTF-8
        valid = valid && (unsigned char)*c >= ' ' && *c != 0x7f;
    }
    if (!valid || characters == 0 || characters > MAX_NAME_CHARACTERS)
        refuse(grid, node, "name", "a text of 1 to 80 characters on one line");
    free(grid->name);
    grid->name = memory_text(node->scalar);
}

bool reader_file(const struct node *root, struct grid *grid)
{
    grid->location = root->location;
    if (root->type != NODE_MAPPING) {
        refuse(grid, root, NULL, "a sweep: a mapping with `name:`, `axes:` and settings");
        return false;
    }
    for (int i = 0; i < root->count; i++) {
        const struct node *item = &root->items[i];
        enum setting_group group = keys_group(item->key);
        if (strcmp(item->key, "name") == 0) {
            read_name(grid, item);
        } else if (strcmp(item->key, "axes") == 0) {
            read_axes(grid, item);
        } else if (strcmp(item->key, "exclude") == 0) {
            read_exclude(grid, item);
        } else if (group != GROUPS) {
            read_group(grid, group, item);
        } else {
            enum setting_id id = keys_in_group(GROUP_TOP, item->key, item->location, grid->diagnostics);
            if (id != SETTINGS)
                read_fixed(grid, id, item);
        }
    }
    return true;
}

// ---- --set ----

static void set_generator(struct grid *grid, const struct node *node)
{
    for (enum setting_id id = 0; id < SETTINGS; id++)
        if (settings[id].group == GROUP_GENERATOR) {
            grid_drop(grid, id);
            grid->is_overridden[id] = true;
        }
    if (node->type == NODE_LIST)
        read_generator_axis(grid, node);
    else
        read_group(grid, GROUP_GENERATOR, node);
}

// `equation_ratio` and `equations` take each other's place.
static void drop_alternative(struct grid *grid, enum setting_id id)
{
    if (id != SETTING_EQUATION_RATIO && id != SETTING_EQUATIONS)
        return;
    enum setting_id other = id == SETTING_EQUATIONS ? SETTING_EQUATION_RATIO : SETTING_EQUATIONS;
    grid_drop(grid, other);
    grid->is_overridden[other] = true;
}

static void set_setting(struct grid *grid, enum setting_id id, const struct node *node)
{
    drop_alternative(grid, id);
    grid->is_overridden[id] = true;
    if (!looks_like_axis(id, node)) {
        grid_drop(grid, id);
        read_fixed(grid, id, node);
        return;
    }
    grid->is_set[id] = false; // grid_add_axis replaces an existing axis at its position
    read_axis(grid, id, node);
}

void reader_set(const char *key, const char *value, struct grid *grid)
{
    struct node node;
    struct source_location location = {.set = key};
    if (document_read(value, key, grid->diagnostics, &node)) {
        if (strcmp(key, "generator") == 0) {
            set_generator(grid, &node);
        } else {
            enum setting_id id = keys_anywhere(key, location, grid->diagnostics);
            if (id != SETTINGS)
                set_setting(grid, id, &node);
        }
    }
    document_free(&node);
}
