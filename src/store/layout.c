#include "store/layout.h"

const struct curve_layout layout_curves[CURVES] = {
    [CURVE_STEP] = {"curve_step", "steps",
                    "steps done at the point (a real, so that NaN can say: not reached)"},
    [CURVE_LOSS] = {"curve_loss", "1", "moving average of the training loss"},
    [CURVE_R2] = {"curve_r2", "1", "R^2 on held-out generators"},
    [CURVE_SECONDS] = {"curve_seconds", "s", "time since the run's first step, interruptions left out"},
};
