#include "base/memory.h"
#include "sweep/sweep.h"
#include "sweep/value.h"

#include <stdlib.h>
#include <string.h>

static enum column_type type_of(const struct setting *setting)
{
    switch (setting->type) {
    case SETTING_INTEGER:
        return COLUMN_INT;
    case SETTING_REAL:
        return COLUMN_REAL;
    case SETTING_WIDTHS:
    case SETTING_REALS:
    case SETTING_AMOUNT:
    case SETTING_CHOICES:
        return COLUMN_LIST;
    default:
        return COLUMN_TEXT;
    }
}

static void fill(struct column *column, int64_t row, enum setting_id id, const struct run_spec *run)
{
    struct value value;
    struct text text = {0};
    value_load(id, run, &value);
    switch (column->type) {
    case COLUMN_INT:
        column->ints[row] = (int64_t)value.element[0];
        break;
    case COLUMN_REAL:
        column->reals[row] = value.element[0];
        break;
    default:
        value_print(id, &value, &text);
        column->texts[row] = text_take(&text);
    }
}

static void add_setting(const struct sweep *sweep, enum setting_id id, struct column_table *table)
{
    const struct setting *setting = &settings[id];
    struct column *column =
        column_add(table, setting->column, type_of(setting), setting->units, setting->long_name);
    for (int64_t row = 0; row < table->rows; row++)
        fill(column, row, id, &sweep->run[row]);
}

void sweep_columns(const struct sweep *sweep, struct column_table *table)
{
    *table = (struct column_table){.rows = sweep->runs};
    struct column *ids = column_add(table, "run_id", COLUMN_TEXT, "1", "identity of the run");
    for (int64_t row = 0; row < table->rows; row++)
        ids->texts[row] = memory_text(sweep->run[row].id);
    for (enum setting_id id = 0; id < SETTINGS; id++)
        add_setting(sweep, id, table);
    int64_t *parameters = column_add(table, "parameters", COLUMN_INT, "1", "parameters of the model")->ints;
    double *flops =
        column_add(table, "flops_per_step", COLUMN_REAL, "FLOP", "FLOPs of a training step")->reals;
    for (int64_t row = 0; row < table->rows; row++) {
        parameters[row] = sweep->run[row].cost.parameters;
        flops[row] = sweep->run[row].cost.flops_per_step;
    }
}

bool sweep_column_follows(const char *name)
{
    static const char *const names[] = {
        "run_id", "equation_ratio", "generator_inputs", "generator_hidden", "parameters", "flops_per_step",
        NULL};
    return text_is_one_of(name, names);
}

void sweep_settings(struct column_table *table)
{
    *table = (struct column_table){.rows = SETTINGS};
    char **names = column_add(table, "setting", COLUMN_TEXT, "1", "setting")->texts;
    char **defaults = column_add(table, "default", COLUMN_TEXT, "1", "default value")->texts;
    char **values = column_add(table, "values", COLUMN_TEXT, "1", "valid values")->texts;
    char **meanings = column_add(table, "meaning", COLUMN_TEXT, "1", "meaning")->texts;
    for (enum setting_id id = 0; id < SETTINGS; id++) {
        struct text expected = {0};
        value_expected(id, &expected);
        names[id] = memory_text(settings_name(id));
        defaults[id] = memory_text(settings[id].default_text ? settings[id].default_text : "-");
        values[id] = text_take(&expected);
        meanings[id] = memory_text(settings[id].long_name);
    }
}
