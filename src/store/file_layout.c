#include "store/file_layout.h"

#include <stddef.h>

const struct column layout_curves[CURVES] = {
    [CURVE_STEP] = {"curve_step",
                    "steps",
                    "steps done at the point (float64, because NaN marks points that were not reached)",
                    COLUMN_REAL,
                    {NULL}},
    [CURVE_LOSS] = {"curve_loss", "1", "moving average of the training loss", COLUMN_REAL, {NULL}},
    [CURVE_R2] = {"curve_r2", "1", "R^2 on held-out generators", COLUMN_REAL, {NULL}},
    [CURVE_SECONDS] = {"curve_seconds",
                       "s",
                       "time since the run's first step, interruptions left out",
                       COLUMN_REAL,
                       {NULL}},
};

const struct column layout_timeline[TIMELINE_COLUMNS] = {
    [TIMELINE_RUN] =
        {"timeline_run", "1", "index of the run along the dimension `run`; -1: not used", COLUMN_INT, {NULL}},
    [TIMELINE_FIRST_RANK] =
        {"timeline_first_rank", "1", "first of the ranks that worked on the run", COLUMN_INT, {NULL}},
    [TIMELINE_RANKS] =
        {"timeline_ranks", "1", "number of these ranks; their numbers are consecutive", COLUMN_INT, {NULL}},
    [TIMELINE_FROM_STEP] =
        {"timeline_from_step", "steps", "steps done when the interval began", COLUMN_INT, {NULL}},
    [TIMELINE_TO_STEP] =
        {"timeline_to_step", "steps", "steps done when the interval ended", COLUMN_INT, {NULL}},
    [TIMELINE_START] = {"timeline_start_seconds",
                        "s",
                        "start of the interval, in seconds of work on this file, interruptions left out",
                        COLUMN_REAL,
                        {NULL}},
    [TIMELINE_END] = {"timeline_end_seconds",
                      "s",
                      "end of the interval, in seconds of work on this file, interruptions left out",
                      COLUMN_REAL,
                      {NULL}},
};
