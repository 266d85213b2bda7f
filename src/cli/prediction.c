#include "cli/prediction.h"

#include "base/memory.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>

enum { PAIRS_SHOWN = 40 };

static int layers_of(const struct generator_shape *shape)
{
    return shape->hidden.count + 1;
}

static int fan_in(const struct generator_shape *shape, int layer)
{
    return layer == 0 ? shape->inputs : shape->hidden.width[layer - 1];
}

static int fan_out(const struct generator_shape *shape, int layer)
{
    return layer < shape->hidden.count ? shape->hidden.width[layer] : shape->outputs;
}

static double residual(const struct prediction *prediction, int k)
{
    return (double)prediction->pairs->y[k] - (double)prediction->y[k];
}

// ---- text ----

// Prints NaN without a sign, which printf may add.
static void print_weight(double weight, FILE *out)
{
    fprintf(out, fabs(weight) < 1e5 ? " %8.4f" : " %8.4g", isnan(weight) ? fabs(weight) : weight);
}

static void print_layers(const struct prediction *prediction, FILE *out)
{
    const struct generator_shape *shape = &prediction->run->task.generator;
    const float *weight = prediction->weights;
    for (int layer = 0; layer < layers_of(shape); layer++) {
        fprintf(out, "\nlayer %d, weights [%d, %d]: one row per input, one column per unit\n", layer + 1,
                fan_in(shape, layer), fan_out(shape, layer));
        for (int row = 0; row < fan_in(shape, layer); row++) {
            for (int column = 0; column < fan_out(shape, layer); column++)
                print_weight((double)*weight++, out);
            fputc('\n', out);
        }
    }
}

static void add_reals(struct column_table *table, const char *name, const float *values, int stride)
{
    double *reals = column_add(table, name, COLUMN_REAL, "1", name)->reals;
    for (int64_t row = 0; row < table->rows; row++)
        reals[row] = (double)values[row * stride];
}

static void print_pairs(const struct prediction *prediction, FILE *out)
{
    const struct pairs *pairs = prediction->pairs;
    struct column_table table = {.rows = pairs->count < PAIRS_SHOWN ? pairs->count : PAIRS_SHOWN};
    char name[16], longer[32];
    int64_t *lines = column_add(&table, "line", COLUMN_INT, "1", "line of the file")->ints;
    for (int64_t row = 0; row < table.rows; row++)
        lines[row] = pairs->line[row];
    for (int k = 0; k < pairs->inputs; k++) {
        pairs_column_name(pairs->inputs, pairs->outputs, k, name);
        add_reals(&table, name, pairs->x + k, pairs->inputs);
    }
    for (int k = 0; k < pairs->outputs; k++) {
        pairs_column_name(pairs->inputs, pairs->outputs, pairs->inputs + k, name);
        add_reals(&table, name, pairs->y + k, pairs->outputs);
        snprintf(longer, sizeof longer, "predicted_%s", name);
        add_reals(&table, longer, prediction->y + k, pairs->outputs);
        snprintf(longer, sizeof longer, "residual_%s", name);
        double *reals = column_add(&table, longer, COLUMN_REAL, "1", longer)->reals;
        for (int64_t row = 0; row < table.rows; row++)
            reals[row] = residual(prediction, (int)row * pairs->outputs + k);
    }
    fputc('\n', out);
    table_print_text(&table, out);
    if (pairs->count > table.rows)
        fprintf(out, "... and %lld more pairs; --format csv or json lists all\n",
                (long long)(pairs->count - table.rows));
    column_table_free(&table);
}

static void print_text(const struct prediction *prediction, FILE *out)
{
    fprintf(out, "%d weights, inferred by run %s from the %d pair%s of %s\n",
            generator_unknowns(&prediction->run->task.generator), prediction->run->id,
            prediction->pairs->count, prediction->pairs->count == 1 ? "" : "s", prediction->file);
    print_layers(prediction, out);
    fputs("\nR^2 of these weights on the pairs: ", out);
    if (prediction->undefined)
        fprintf(out, "not defined, since %s", prediction->undefined);
    else
        fprintf(out, fabs(prediction->r2) < 1e5 ? "%.4f" : "%.4g", prediction->r2);
    if (isfinite(prediction->rms))
        fprintf(out, "; root mean square residual %.4g", prediction->rms);
    fputc('\n', out);
    if (!isnan(prediction->run_r2))
        fprintf(out, "(R^2 of the run on held-out generators: %.4f)\n", prediction->run_r2);
    print_pairs(prediction, out);
}

// ---- CSV and JSON ----

// Returns the double of the shortest decimal that reads back to the float, so that it prints in few digits.
static double short_float(float value)
{
    char digits[32];
    for (int precision = 6; precision <= 9; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, (double)value);
        if (strtof(digits, NULL) == value)
            break;
    }
    return strtod(digits, NULL);
}

// Table of the CSV output: one value per row, with its kind and position.
struct rows {
    struct column_table table;
    int64_t next;
};

static void add_row(struct rows *rows, const char *what, int layer, int row, int column, double value)
{
    struct column *columns = rows->table.columns;
    const int position[] = {layer, row, column}; // 0: none
    columns[0].texts[rows->next] = memory_text(what);
    for (int i = 0; i < 3; i++)
        columns[1 + i].texts[rows->next] = position[i] ? memory_format("%d", position[i]) : memory_text("");
    columns[4].reals[rows->next++] = value;
}

static void print_csv(const struct prediction *prediction, FILE *out)
{
    const struct generator_shape *shape = &prediction->run->task.generator;
    const struct pairs *pairs = prediction->pairs;
    struct rows rows = {.table.rows =
                            generator_unknowns(shape) + 2 + 2 * (int64_t)pairs->count * pairs->outputs};
    static const char *const names[] = {"what", "layer", "row", "column"};
    for (int i = 0; i < 4; i++)
        column_add(&rows.table, names[i], COLUMN_TEXT, "1", names[i]);
    column_add(&rows.table, "value", COLUMN_REAL, "1", "value");
    const float *weight = prediction->weights;
    for (int layer = 0; layer < layers_of(shape); layer++)
        for (int row = 0; row < fan_in(shape, layer); row++)
            for (int column = 0; column < fan_out(shape, layer); column++)
                add_row(&rows, "weight", layer + 1, row + 1, column + 1, short_float(*weight++));
    add_row(&rows, "r2", 0, 0, 0, prediction->r2);
    add_row(&rows, "rms_residual", 0, 0, 0, prediction->rms);
    for (int row = 0; row < pairs->count; row++)
        for (int k = 0; k < pairs->outputs; k++) {
            int at = row * pairs->outputs + k;
            add_row(&rows, "predicted", 0, row + 1, k + 1, short_float(prediction->y[at]));
            add_row(&rows, "residual", 0, row + 1, k + 1, residual(prediction, at));
        }
    table_print_csv(&rows.table, out);
    column_table_free(&rows.table);
}

static void add_json_real(struct text *text, double value)
{
    text_add_real(text, value, "null");
}

static void add_json_layers(struct text *text, const struct prediction *prediction)
{
    const struct generator_shape *shape = &prediction->run->task.generator;
    const float *weight = prediction->weights;
    for (int layer = 0; layer < layers_of(shape); layer++) {
        text_add(text, layer > 0 ? ", [" : "[");
        for (int row = 0; row < fan_in(shape, layer); row++) {
            text_add(text, row > 0 ? ", [" : "[");
            for (int column = 0; column < fan_out(shape, layer); column++) {
                text_add(text, column > 0 ? ", " : "");
                add_json_real(text, short_float(*weight++));
            }
            text_add(text, "]");
        }
        text_add(text, "]");
    }
}

static void print_json(const struct prediction *prediction, FILE *out)
{
    const struct pairs *pairs = prediction->pairs;
    int values = pairs->count * pairs->outputs;
    struct text text = {0};
    text_format(&text, "{\"run_id\": \"%s\", \"pairs\": %d, \"weights\": [", prediction->run->id,
                pairs->count);
    add_json_layers(&text, prediction);
    text_add(&text, "], \"r2\": ");
    add_json_real(&text, prediction->r2);
    text_add(&text, ", \"rms_residual\": ");
    add_json_real(&text, prediction->rms);
    text_add(&text, ", \"predicted\": [");
    for (int k = 0; k < values; k++) {
        text_add(&text, k > 0 ? ", " : "");
        add_json_real(&text, short_float(prediction->y[k]));
    }
    text_add(&text, "], \"residual\": [");
    for (int k = 0; k < values; k++) {
        text_add(&text, k > 0 ? ", " : "");
        add_json_real(&text, residual(prediction, k));
    }
    text_add(&text, "]}\n");
    fputs(text.chars, out);
    text_free(&text);
}

void prediction_print(const struct prediction *prediction, enum table_format format, FILE *out)
{
    if (format == TABLE_TEXT)
        print_text(prediction, out);
    else if (format == TABLE_CSV)
        print_csv(prediction, out);
    else
        print_json(prediction, out);
}
