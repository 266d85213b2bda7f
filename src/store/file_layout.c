#include "store/file_layout.h"

#include <stddef.h>

// In the order of enum curve.
const struct column layout_curves[CURVES] = {
    {"curve_step",
     "steps",
     "steps done at the point (float64, because NaN marks points that were not reached)",
     COLUMN_REAL,
     {NULL}},
    {"curve_loss", "1", "moving average of the training loss", COLUMN_REAL, {NULL}},
    {"curve_r2", "1", "R^2 on held-out generators", COLUMN_REAL, {NULL}},
    {"curve_seconds", "s", "time since the run's first step, interruptions left out", COLUMN_REAL, {NULL}},
};

// In the order of enum timeline_column.
const struct column layout_timeline[TIMELINE_COLUMNS] = {
    {"timeline_run", "1", "index of the run along the dimension `run`; -1: not used", COLUMN_INT, {NULL}},
    {"timeline_first_rank", "1", "first of the ranks that worked on the run", COLUMN_INT, {NULL}},
    {"timeline_ranks", "1", "number of these ranks; their numbers are consecutive", COLUMN_INT, {NULL}},
    {"timeline_from_step", "steps", "steps done when the interval began", COLUMN_INT, {NULL}},
    {"timeline_to_step", "steps", "steps done when the interval ended", COLUMN_INT, {NULL}},
    {"timeline_start_seconds",
     "s",
     "start of the interval, in seconds of work on this file, interruptions left out",
     COLUMN_REAL,
     {NULL}},
    {"timeline_end_seconds",
     "s",
     "end of the interval, in seconds of work on this file, interruptions left out",
     COLUMN_REAL,
     {NULL}},
};
