#include "train/learning_rate.h"

#include "kernel/math.h"

#include <math.h>

double learning_rate_at(const struct training *training, int64_t step)
{
    double rate = training->learning_rate;
    if (step + 1 < training->warmup_steps)
        rate *= (double)(step + 1) / (double)training->warmup_steps;
    if (training->schedule == SCHEDULE_COSINE)
        rate *= (1 + math_cos(M_PI * (double)step / (double)training->steps)) / 2;
    return rate;
}
