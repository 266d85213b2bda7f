#include "store/file_layout.h"

const struct curve_layout layout_curves[CURVES] = {
    [CURVE_STEP] = {"curve_step", "steps",
                    "steps done at the point (a real, so that NaN can say: not reached)"},
    [CURVE_LOSS] = {"curve_loss", "1", "moving average of the training loss"},
    [CURVE_R2] = {"curve_r2", "1", "R^2 on held-out generators"},
    [CURVE_SECONDS] = {"curve_seconds", "s", "time since the run's first step, interruptions left out"},
};

const struct timeline_layout layout_timeline[TIMELINE_COLUMNS] = {
    [TIMELINE_RUN] = {"timeline_run", "1", "index of the run along the dimension `run`; -1: not used", true},
    [TIMELINE_FIRST_RANK] = {"timeline_first_rank", "1", "first of the ranks that worked on it", true},
    [TIMELINE_RANKS] = {"timeline_ranks", "1", "how many, one after the other", true},
    [TIMELINE_FROM_STEP] = {"timeline_from_step", "steps", "steps done when they began", true},
    [TIMELINE_TO_STEP] = {"timeline_to_step", "steps", "steps done when they ended", true},
    [TIMELINE_START] = {"timeline_start_seconds", "s",
                        "when they began, in seconds of work on this file, interruptions left out", false},
    [TIMELINE_END] = {"timeline_end_seconds", "s", "when they ended, likewise", false},
};
