#include "cli/prediction.h"

#include "base/memory.h"
#include "base/text.h"

#include <math.h>

enum { PAIRS_SHOWN = 40 };

// ---- text ----

// Prints "-" for an error that is not determined.
static void print_weight(double weight, FILE *out)
{
    if (isnan(weight))
        fprintf(out, " %8s", "-");
    else
        fprintf(out, fabs(weight) < 1e5 ? " %8.4f" : " %8.4g", weight);
}

// Prints the weights of one layer, or their errors unless `errors` is NULL.
static void print_matrix(int rows, int columns, const float *weights, const double *errors, FILE *out)
{
    for (int i = 0; i < rows * columns; i++) {
        print_weight(errors ? errors[i] : (double)weights[i], out);
        if (i % columns == columns - 1)
            fputc('\n', out);
    }
}

static bool all_known(const double *errors, int count)
{
    for (int k = 0; k < count; k++)
        if (isnan(errors[k]))
            return false;
    return true;
}

static void print_layers(const struct predictions *predictions, const struct prediction *prediction,
                         FILE *out)
{
    const struct generator_shape *shape = &predictions->run->task.generator;
    for (int layer = 0, first = 0; layer < prediction_layers_of(shape); layer++) {
        int rows = prediction_fan_in(shape, layer), columns = prediction_fan_out(shape, layer);
        const float *weights = prediction->fit.weights + first;
        fprintf(out, "\nlayer %d, weights [%d, %d]: one row per input, one column per unit\n", layer + 1,
                rows, columns);
        print_matrix(rows, columns, weights, NULL, out);
        if (prediction->has_errors) {
            bool known = all_known(prediction->errors.errors + first, rows * columns);
            fputs(known ? "standard errors\n" : "standard errors (-: not determined)\n", out);
            print_matrix(rows, columns, weights, prediction->errors.errors + first, out);
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
            reals[row] = prediction_residual(prediction, (int)row * pairs->outputs + k);
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
    fprintf(out, "; root mean square residual %.4g\n", fit->rms);
}

static void print_noise(const struct predictions *predictions, const struct prediction *prediction, FILE *out)
{
    const struct pairs *pairs = prediction->pairs;
    if (isnan(prediction->sigma) && prediction->has_curvature)
        fprintf(out,
                "noise and standard errors: not determined; give --noise, since %d value%s of y cannot "
                "determine both the noise and %d weights\n",
                pairs->count * pairs->outputs, text_plural(pairs->count * pairs->outputs),
                prediction_unknowns_of(predictions));
    else if (isnan(prediction->sigma))
        fputs("noise and standard errors: not determined\n", out);
    else if (prediction->min_noise > 0)
        fprintf(out,
                "standard deviation of the noise on y: %.4g (the smallest used, %g of the standard deviation "
                "of y)\n",
                prediction->sigma, prediction->min_noise);
    else
        fprintf(out, "standard deviation of the noise on y: %.4g, %s\n", prediction->sigma,
                isnan(predictions->noise) ? "estimated from the residuals" : "from --noise");
    if (prediction->poor_fit)
        fprintf(
            out,
            "warning: the residuals are %.3g times as large as this noise explains, so the standard errors "
            "do not hold.\nThe fit ended in a local minimum or needs more iterations, the noise on y is "
            "larger, or no network of\nthis form gives these pairs. Try --starts 50 and a larger --refine "
            "K, or leave out --noise to estimate the noise.\n",
            prediction->residual_ratio);
}

// Explains which directions of the weights the pairs leave to the prior.
static void print_directions(const struct predictions *predictions, const struct prediction *prediction,
                             FILE *out)
{
    if (!prediction->has_curvature) {
        fputs("\nno standard errors: the outputs are too large, or the noise on y is too small, for double "
              "precision; scale y to\nvalues like those of the run's training\n",
              out);
        return;
    }
    int values = prediction->pairs->count * prediction->pairs->outputs,
        unknowns = prediction_unknowns_of(predictions), directions = prediction->errors.prior_directions;
    fprintf(out, "\n%d of %d directions of the weights %s determined more by the prior than by the pairs",
            directions, unknowns, directions == 1 ? "is" : "are");
    if (values < unknowns)
        fprintf(out, ": %d value%s of y cannot determine %d weights", values, text_plural(values), unknowns);
    if (directions > 0 && !prediction->poor_fit)
        fputs("; other weights fit the pairs as well", out);
    fputc('\n', out);
}

static void print_one(const struct predictions *predictions, FILE *out)
{
    const struct prediction *prediction = &predictions->prediction[0];
    fprintf(out, "%d weights, inferred by run %s from the %d pair%s of %s\n",
            prediction_unknowns_of(predictions), predictions->run->id, prediction->pairs->count,
            text_plural(prediction->pairs->count), predictions->file);
    if (predictions->refine > 0)
        fprintf(out, "and refined by %d iteration%s of Levenberg-Marquardt on these pairs\n",
                predictions->refine, text_plural(predictions->refine));
    if (predictions->starts > 0)
        fprintf(out, "from the prediction and from %d random start%s; the smallest objective is from %s\n",
                predictions->starts, text_plural(predictions->starts),
                prediction->from_random_start ? "a random start" : "the prediction");
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
    int64_t *pairs = column_add(&table, "pairs", COLUMN_INT, "1", "pairs")->ints;
    double *r2 = add_real(&table, "r2"), *rms = add_real(&table, "rms_residual"), *before = NULL,
           *sigma = NULL, *directions = NULL, *ratio = NULL;
    char **start = NULL;
    int poor = 0;
    if (predictions->refine > 0) {
        before = add_real(&table, "r2_before");
        sigma = add_real(&table, "sigma");
        directions = add_real(&table, "prior_directions");
        ratio = add_real(&table, "residual_ratio");
    }
    if (predictions->starts > 0)
        start = column_add(&table, "start", COLUMN_TEXT, "1", "start")->texts;
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
        directions[row] = prediction_directions(prediction);
        ratio[row] = prediction->residual_ratio;
        poor += prediction->poor_fit;
        if (start)
            start[row] = memory_text(prediction->from_random_start ? "random" : "prediction");
    }
    fprintf(out, "%d weights of each of %d set%s, inferred by run %s from %s\n\n",
            prediction_unknowns_of(predictions), predictions->count, text_plural(predictions->count),
            predictions->run->id, predictions->file);
    table_print_text(&table, out);
    column_table_free(&table);
    if (poor > 0)
        fprintf(out,
                "\nwarning: the residuals of %d set%s are larger than the noise explains (residual_ratio far "
                "above 1; poor_fit in\ncsv and json): the standard errors there do not hold. See `predict "
                "--help`.\n",
                poor, text_plural(poor));
    fprintf(out, "\n%.4g sets per second; --format csv or json lists the weights\n",
            predictions->count / predictions->seconds);
}

void prediction_print(const struct predictions *predictions, enum table_format format, FILE *out)
{
    if (format == TABLE_CSV)
        prediction_print_csv(predictions, out);
    else if (format == TABLE_JSON)
        prediction_print_json(predictions, out);
    else if (predictions->names_sets)
        print_several(predictions, out);
    else
        print_one(predictions, out);
}
