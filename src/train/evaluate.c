#include "train/evaluate.h"

#include <math.h>

// Square of half a unit in the last place of fp32, relative to the mean square.
static const double rounding_variance = 0x1p-48;

bool evaluate_r2(const struct task_score *score, int generators, double *r2, double *standard_error)
{
    double n = generators, error = 0, mean = 0, mean_square = 0, variance = 0;
    for (int i = 0; i < generators; i++) {
        error += score[i].squared_error / n;
        mean += score[i].mean / n;
        mean_square += score[i].mean_square / n;
    }
    for (int i = 0; i < generators; i++)
        variance += (score[i].mean_square - 2 * mean * score[i].mean + mean * mean) / n;
    *r2 = *standard_error = NAN;
    if (variance <= rounding_variance * mean_square)
        return false;
    double ratio = error / variance, sum = 0;
    for (int i = 0; i < generators; i++) {
        double spread = score[i].mean_square - 2 * mean * score[i].mean + mean * mean;
        double residual = score[i].squared_error - ratio * spread;
        sum += residual * residual;
    }
    *r2 = 1 - ratio;
    *standard_error = generators > 1 ? sqrt(sum / (n * (n - 1))) / variance : NAN;
    return true;
}
