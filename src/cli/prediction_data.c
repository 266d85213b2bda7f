#include "base/memory.h"
#include "base/text.h"
#include "cli/prediction.h"

#include <stdlib.h>

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
    const char *set; // of the current set; NULL: the file has one set
};

static void add_row(struct rows *rows, const char *what, int layer, int row, int column, double value)
{
    struct column *columns = rows->table.columns;
    const int position[] = {layer, row, column}; // 0: none
    if (rows->set)
        (columns++)->texts[rows->next] = memory_text(rows->set);
    columns[0].texts[rows->next] = memory_text(what);
    for (int i = 0; i < 3; i++)
        columns[1 + i].texts[rows->next] = position[i] ? memory_format("%d", position[i]) : memory_text("");
    columns[4].reals[rows->next++] = value;
}

static void add_weights(struct rows *rows, const struct generator_shape *shape, const char *what,
                        const float *weights, const double *errors)
{
    for (int layer = 0, k = 0; layer < prediction_layers_of(shape); layer++)
        for (int row = 0; row < prediction_fan_in(shape, layer); row++)
            for (int column = 0; column < prediction_fan_out(shape, layer); column++, k++)
                add_row(rows, what, layer + 1, row + 1, column + 1,
                        errors ? errors[k] : short_float(weights[k]));
}

enum { REFINED_VALUES = 4 }; // rows of a refined set besides weights and errors

static int64_t rows_of(const struct predictions *predictions, const struct prediction *prediction)
{
    int64_t unknowns = prediction_unknowns_of(predictions),
            values = prediction->pairs->count * prediction->pairs->outputs;
    int64_t refined = predictions->refine > 0 ? unknowns + REFINED_VALUES : 0;
    return unknowns + 2 + 2 * values + refined + (prediction->has_errors ? unknowns : 0);
}

static void add_set(struct rows *rows, const struct predictions *predictions,
                    const struct prediction *prediction)
{
    const struct generator_shape *shape = &predictions->run->task.generator;
    const struct pairs *pairs = prediction->pairs;
    rows->set = pairs->name;
    add_weights(rows, shape, "weight", prediction->fit.weights, NULL);
    if (prediction->has_errors)
        add_weights(rows, shape, "standard_error", NULL, prediction->errors.errors);
    add_row(rows, "r2", 0, 0, 0, prediction->fit.r2);
    add_row(rows, "rms_residual", 0, 0, 0, prediction->fit.rms);
    if (predictions->refine > 0) {
        add_weights(rows, shape, "weight_before", prediction->before.weights, NULL);
        add_row(rows, "r2_before", 0, 0, 0, prediction->before.r2);
        add_row(rows, "rms_residual_before", 0, 0, 0, prediction->before.rms);
        add_row(rows, "sigma", 0, 0, 0, prediction->sigma);
        add_row(rows, "prior_directions", 0, 0, 0, prediction_directions(prediction));
    }
    for (int row = 0; row < pairs->count; row++)
        for (int k = 0; k < pairs->outputs; k++) {
            int at = row * pairs->outputs + k;
            add_row(rows, "predicted", 0, row + 1, k + 1, short_float(prediction->fit.y[at]));
            add_row(rows, "residual", 0, row + 1, k + 1, prediction_residual(prediction, at));
        }
}

void prediction_print_csv(const struct predictions *predictions, FILE *out)
{
    struct rows rows = {.table.rows = predictions->names_sets};
    static const char *const names[] = {"set", "what", "layer", "row", "column"};
    for (int i = 0; i < predictions->count; i++)
        rows.table.rows += rows_of(predictions, &predictions->prediction[i]);
    for (int i = predictions->names_sets ? 0 : 1; i < 5; i++)
        column_add(&rows.table, names[i], COLUMN_TEXT, "1", names[i]);
    column_add(&rows.table, "value", COLUMN_REAL, "1", "value");
    for (int i = 0; i < predictions->count; i++)
        add_set(&rows, predictions, &predictions->prediction[i]);
    if (predictions->names_sets) {
        rows.set = "";
        add_row(&rows, "sets_per_second", 0, 0, 0, predictions->count / predictions->seconds);
    }
    table_print_csv(&rows.table, out);
    column_table_free(&rows.table);
}

static void add_json_real(struct text *text, const char *name, double value)
{
    text_format(text, ", \"%s\": ", name);
    text_add_real(text, value, "null");
}

// Adds weights or errors, layer by layer.
static void add_json_layers(struct text *text, const struct generator_shape *shape, const float *weights,
                            const double *errors)
{
    text_add(text, "[");
    for (int layer = 0, k = 0; layer < prediction_layers_of(shape); layer++) {
        text_add(text, layer > 0 ? ", [" : "[");
        for (int row = 0; row < prediction_fan_in(shape, layer); row++) {
            text_add(text, row > 0 ? ", [" : "[");
            for (int column = 0; column < prediction_fan_out(shape, layer); column++, k++) {
                text_add(text, column > 0 ? ", " : "");
                text_add_real(text, errors ? errors[k] : short_float(weights[k]), "null");
            }
            text_add(text, "]");
        }
        text_add(text, "]");
    }
    text_add(text, "]");
}

static void add_json_refinement(struct text *text, const struct predictions *predictions,
                                const struct prediction *prediction)
{
    const struct generator_shape *shape = &predictions->run->task.generator;
    text_add(text, ", \"standard_errors\": ");
    if (prediction->has_errors)
        add_json_layers(text, shape, NULL, prediction->errors.errors);
    else
        text_add(text, "null");
    add_json_real(text, "sigma", prediction->sigma);
    add_json_real(text, "prior_directions", prediction_directions(prediction));
    text_add(text, ", \"before\": {\"weights\": ");
    add_json_layers(text, shape, prediction->before.weights, NULL);
    add_json_real(text, "r2", prediction->before.r2);
    add_json_real(text, "rms_residual", prediction->before.rms);
    text_add(text, "}");
}

// Adds the members of a set's object, beginning with a comma.
static void add_json_set(struct text *text, const struct predictions *predictions,
                         const struct prediction *prediction)
{
    const struct pairs *pairs = prediction->pairs;
    int values = pairs->count * pairs->outputs;
    text_format(text, ", \"pairs\": %d, \"weights\": ", pairs->count);
    add_json_layers(text, &predictions->run->task.generator, prediction->fit.weights, NULL);
    add_json_real(text, "r2", prediction->fit.r2);
    add_json_real(text, "rms_residual", prediction->fit.rms);
    if (predictions->refine > 0)
        add_json_refinement(text, predictions, prediction);
    text_add(text, ", \"predicted\": [");
    for (int k = 0; k < values; k++) {
        text_add(text, k > 0 ? ", " : "");
        text_add_real(text, short_float(prediction->fit.y[k]), "null");
    }
    text_add(text, "], \"residual\": [");
    for (int k = 0; k < values; k++) {
        text_add(text, k > 0 ? ", " : "");
        text_add_real(text, prediction_residual(prediction, k), "null");
    }
    text_add(text, "]}");
}

void prediction_print_json(const struct predictions *predictions, FILE *out)
{
    struct text text = {0};
    text_format(&text, "{\"run_id\": \"%s\"", predictions->run->id);
    if (predictions->refine > 0) {
        text_format(&text, ", \"refine\": %d", predictions->refine);
        add_json_real(&text, "noise", predictions->noise);
    }
    if (predictions->names_sets) {
        add_json_real(&text, "sets_per_second", predictions->count / predictions->seconds);
        text_add(&text, ", \"sets\": [");
    }
    for (int i = 0; i < predictions->count; i++) {
        if (predictions->names_sets) {
            text_add(&text, i > 0 ? ",\n{\"set\": " : "\n{\"set\": ");
            text_add_json(&text, predictions->prediction[i].pairs->name);
        }
        add_json_set(&text, predictions, &predictions->prediction[i]);
    }
    text_add(&text, predictions->names_sets ? "]}\n" : "\n");
    fputs(text.chars, out);
    text_free(&text);
}
