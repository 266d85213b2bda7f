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

// Appends a CSV row: set (NULL: the file has one set), kind of value, position (0: none), value.
static void add_row(struct text *csv, const char *set, const char *what, const int position[3], double value)
{
    if (set) {
        table_add_csv_text(csv, set);
        text_add(csv, ",");
    }
    text_format(csv, "%s,", what);
    for (int i = 0; i < 3; i++)
        text_format(csv, position[i] ? "%d," : ",", position[i]);
    text_add_real(csv, value, "");
    text_add(csv, "\n");
}

static void add_score(struct text *csv, const char *set, const char *what, double value)
{
    add_row(csv, set, what, (const int[3]){0}, value);
}

static void add_weights(struct text *csv, const char *set, const struct generator_shape *shape,
                        const char *what, const float *weights, const double *errors)
{
    for (int layer = 0, k = 0; layer < prediction_layers_of(shape); layer++)
        for (int row = 0; row < prediction_fan_in(shape, layer); row++)
            for (int column = 0; column < prediction_fan_out(shape, layer); column++, k++)
                add_row(csv, set, what, (const int[]){layer + 1, row + 1, column + 1},
                        errors ? errors[k] : short_float(weights[k]));
}

static void add_set(struct text *csv, const struct predictions *predictions,
                    const struct prediction *prediction)
{
    const struct generator_shape *shape = &predictions->run->task.generator;
    const struct pairs *pairs = prediction->pairs;
    const char *set = pairs->name;
    add_weights(csv, set, shape, "weight", prediction->fit.weights, NULL);
    if (prediction->has_errors)
        add_weights(csv, set, shape, "standard_error", NULL, prediction->errors.errors);
    add_score(csv, set, "r2", prediction->fit.r2);
    add_score(csv, set, "rms_residual", prediction->fit.rms);
    if (predictions->refine > 0) {
        add_weights(csv, set, shape, "weight_before", prediction->before.weights, NULL);
        add_score(csv, set, "r2_before", prediction->before.r2);
        add_score(csv, set, "rms_residual_before", prediction->before.rms);
        add_score(csv, set, "sigma", prediction->sigma);
        add_score(csv, set, "prior_directions", prediction_directions(prediction));
        add_score(csv, set, "residual_ratio", prediction->residual_ratio);
        add_score(csv, set, "poor_fit", prediction->poor_fit);
        if (predictions->starts > 0)
            add_score(csv, set, "from_random_start", prediction->from_random_start);
    }
    for (int k = 0; k < pairs->count * pairs->outputs; k++) {
        const int position[] = {0, k / pairs->outputs + 1, k % pairs->outputs + 1};
        add_row(csv, set, "predicted", position, short_float(prediction->fit.y[k]));
        add_row(csv, set, "residual", position, prediction_residual(prediction, k));
    }
}

void prediction_print_csv(const struct predictions *predictions, FILE *out)
{
    struct text csv = {0};
    text_add(&csv,
             predictions->names_sets ? "set,what,layer,row,column,value\n" : "what,layer,row,column,value\n");
    for (int i = 0; i < predictions->count; i++)
        add_set(&csv, predictions, &predictions->prediction[i]);
    if (predictions->names_sets)
        add_score(&csv, "", "sets_per_second", predictions->count / predictions->seconds);
    fputs(csv.chars, out);
    text_free(&csv);
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
    add_json_real(text, "residual_ratio", prediction->residual_ratio);
    text_format(text, ", \"poor_fit\": %s", prediction->poor_fit ? "true" : "false");
    if (predictions->starts > 0)
        text_format(text, ", \"from_random_start\": %s", prediction->from_random_start ? "true" : "false");
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
        if (predictions->starts > 0)
            text_format(&text, ", \"starts\": %d", predictions->starts);
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
