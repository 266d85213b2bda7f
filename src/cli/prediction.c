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
    return (double)prediction->pairs->y[k] - (double)prediction->fit.y[k];
}

static int unknowns_of(const struct predictions *predictions)
{
    return generator_unknowns(&predictions->run->task.generator);
}

static const char *plural(int count)
{
    return count == 1 ? "" : "s";
}

// ---- text ----

// Prints NaN without a sign, which printf may add.
static void print_weight(double weight, FILE *out)
{
    fprintf(out, fabs(weight) < 1e5 ? " %8.4f" : " %8.4g", isnan(weight) ? fabs(weight) : weight);
}

// Prints the weights, or the errors, of one layer.
static void print_matrix(int rows, int columns, const float *weights, const double *errors, FILE *out)
{
    for (int i = 0; i < rows * columns; i++) {
        print_weight(errors ? errors[i] : (double)weights[i], out);
        if (i % columns == columns - 1)
            fputc('\n', out);
    }
}

static void print_layers(const struct predictions *predictions, const struct prediction *prediction,
                         FILE *out)
{
    const struct generator_shape *shape = &predictions->run->task.generator;
    for (int layer = 0, first = 0; layer < layers_of(shape); layer++) {
        int rows = fan_in(shape, layer), columns = fan_out(shape, layer);
        fprintf(out, "\nlayer %d, weights [%d, %d]: one row per input, one column per unit\n", layer + 1,
                rows, columns);
        print_matrix(rows, columns, prediction->fit.weights + first, NULL, out);
        if (prediction->has_errors) {
            fputs("standard errors\n", out);
            print_matrix(rows, columns, NULL, prediction->errors.errors + first, out);
        }
        first += rows * columns;
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
        add_reals(&table, longer, prediction->fit.y + k, pairs->outputs);
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

static void print_fit(const char *what, const struct weights_fit *fit, FILE *out)
{
    fprintf(out, "R^2 of %s on the pairs: ", what);
    if (fit->undefined)
        fprintf(out, "not defined, since %s", fit->undefined);
    else
        fprintf(out, fabs(fit->r2) < 1e5 ? "%.4f" : "%.4g", fit->r2);
    if (isfinite(fit->rms))
        fprintf(out, "; root mean square residual %.4g", fit->rms);
    fputc('\n', out);
}

static void print_noise(const struct predictions *predictions, const struct prediction *prediction, FILE *out)
{
    if (isnan(prediction->sigma))
        fputs("noise and standard errors: not determined; give --noise\n", out);
    else
        fprintf(out, "standard deviation of the noise on y: %.4g, %s\n", prediction->sigma,
                isnan(predictions->noise) ? "estimated from the residuals" : "from --noise");
}

// Explains which directions of the weights the pairs leave to the prior.
static void print_directions(const struct predictions *predictions, const struct prediction *prediction,
                             FILE *out)
{
    int values = prediction->pairs->count * prediction->pairs->outputs, unknowns = unknowns_of(predictions),
        directions = prediction->errors.prior_directions;
    fprintf(out, "\n%d of %d directions of the weights %s determined more by the prior than by the pairs",
            directions, unknowns, directions == 1 ? "is" : "are");
    if (values < unknowns)
        fprintf(out, ": %d value%s of y cannot determine %d weights", values, plural(values), unknowns);
    if (directions > 0)
        fputs("; other weights fit the pairs as well", out);
    fputc('\n', out);
}

static void print_one(const struct predictions *predictions, FILE *out)
{
    const struct prediction *prediction = &predictions->prediction[0];
    fprintf(out, "%d weights, inferred by run %s from the %d pair%s of %s\n", unknowns_of(predictions),
            predictions->run->id, prediction->pairs->count, plural(prediction->pairs->count),
            predictions->file);
    if (predictions->refine > 0)
        fprintf(out, "and refined by %d iteration%s of Levenberg-Marquardt on these pairs\n",
                predictions->refine, plural(predictions->refine));
    print_layers(predictions, prediction, out);
    fputc('\n', out);
    print_fit("these weights", &prediction->fit, out);
    if (predictions->refine > 0) {
        print_fit("the prediction before refinement", &prediction->before, out);
        print_noise(predictions, prediction, out);
    }
    if (!isnan(predictions->run_r2))
        fprintf(out, "(R^2 of the run on held-out generators: %.4f)\n", predictions->run_r2);
    print_pairs(prediction, out);
    if (predictions->refine > 0)
        print_directions(predictions, prediction, out);
}

static double *add_real(struct column_table *table, const char *name)
{
    return column_add(table, name, COLUMN_REAL, "1", name)->reals;
}

// Prints one row per set.
static void print_several(const struct predictions *predictions, FILE *out)
{
    struct column_table table = {.rows = predictions->count};
    char **set = column_add(&table, "set", COLUMN_TEXT, "1", "set")->texts;
    int64_t *pairs = column_add(&table, "pairs", COLUMN_INT, "1", "pairs")->ints, *directions = NULL;
    double *r2 = add_real(&table, "r2"), *rms = add_real(&table, "rms_residual"), *before = NULL,
           *sigma = NULL;
    if (predictions->refine > 0) {
        before = add_real(&table, "r2_before");
        sigma = add_real(&table, "sigma");
        directions = column_add(&table, "prior_directions", COLUMN_INT, "1", "directions")->ints;
    }
    for (int64_t row = 0; row < table.rows; row++) {
        const struct prediction *prediction = &predictions->prediction[row];
        set[row] = memory_text(prediction->pairs->name);
        pairs[row] = prediction->pairs->count;
        r2[row] = prediction->fit.r2;
        rms[row] = prediction->fit.rms;
        if (predictions->refine == 0)
            continue;
        before[row] = prediction->before.r2;
        sigma[row] = prediction->sigma;
        directions[row] = prediction->errors.prior_directions;
    }
    fprintf(out, "%d weights of each of %d set%s, inferred by run %s from %s\n\n", unknowns_of(predictions),
            predictions->count, plural(predictions->count), predictions->run->id, predictions->file);
    table_print_text(&table, out);
    column_table_free(&table);
    fprintf(out, "\n%.4g sets per second; --format csv or json lists the weights\n",
            predictions->count / predictions->seconds);
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
    for (int layer = 0, k = 0; layer < layers_of(shape); layer++)
        for (int row = 0; row < fan_in(shape, layer); row++)
            for (int column = 0; column < fan_out(shape, layer); column++, k++)
                add_row(rows, what, layer + 1, row + 1, column + 1,
                        errors ? errors[k] : short_float(weights[k]));
}

enum { REFINED_VALUES = 4 }; // rows of a refined set besides weights and errors

static int64_t rows_of(const struct predictions *predictions, const struct prediction *prediction)
{
    int64_t unknowns = unknowns_of(predictions),
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
        add_row(rows, "prior_directions", 0, 0, 0, prediction->errors.prior_directions);
    }
    for (int row = 0; row < pairs->count; row++)
        for (int k = 0; k < pairs->outputs; k++) {
            int at = row * pairs->outputs + k;
            add_row(rows, "predicted", 0, row + 1, k + 1, short_float(prediction->fit.y[at]));
            add_row(rows, "residual", 0, row + 1, k + 1, residual(prediction, at));
        }
}

static void print_csv(const struct predictions *predictions, FILE *out)
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
    for (int layer = 0, k = 0; layer < layers_of(shape); layer++) {
        text_add(text, layer > 0 ? ", [" : "[");
        for (int row = 0; row < fan_in(shape, layer); row++) {
            text_add(text, row > 0 ? ", [" : "[");
            for (int column = 0; column < fan_out(shape, layer); column++, k++) {
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
    text_format(
        text, ", \"prior_directions\": %d, \"before\": {\"weights\": ", prediction->errors.prior_directions);
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
        text_add_real(text, residual(prediction, k), "null");
    }
    text_add(text, "]}");
}

static void print_json(const struct predictions *predictions, FILE *out)
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

void prediction_print(const struct predictions *predictions, enum table_format format, FILE *out)
{
    if (format == TABLE_CSV)
        print_csv(predictions, out);
    else if (format == TABLE_JSON)
        print_json(predictions, out);
    else if (predictions->names_sets)
        print_several(predictions, out);
    else
        print_one(predictions, out);
}
