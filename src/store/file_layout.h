/* Where everything is in the results file. README names the same things; nothing else in the program does.
 *
 *   /                                 attributes sweep, resolved, versions, created (text), schema_version
 *   /run, /point, /segment            dimensions without a variable, as are the lengths of the char columns
 *   /<column>                         [run]: settings, status, outcomes, message, arithmetic, checksums; the
 *                                     attribute `role` says which
 *   /curve_*                          [run, point]
 *   /timeline_*                       [segment]: see store.h
 *   /models/<run_id>/<tensor name>    [rows, columns] or [length], float32
 *   /checkpoints/<run_id>/slots       [2, slot bytes]: see checkpoint.h
 *
 * Datasets are contiguous and allocated at creation, so each has a fixed place in the file. An archive
 * (archive.c) has the root attribute `archive`, no checkpoints, perhaps no models, and keeps its larger
 * datasets in compressed chunks. */
#ifndef STORE_FILE_LAYOUT_H
#define STORE_FILE_LAYOUT_H

#include "base/column.h"

#define LAYOUT_SWEEP               "sweep"
#define LAYOUT_RESOLVED            "resolved"
#define LAYOUT_VERSIONS            "versions"
#define LAYOUT_CREATED             "created"
#define LAYOUT_SCHEMA_VERSION      "schema_version"
#define LAYOUT_ATTRIBUTES_CHECKSUM "attributes_checksum"
#define LAYOUT_ARCHIVE             "archive"

#define LAYOUT_RUN     "run"
#define LAYOUT_POINT   "point"
#define LAYOUT_SEGMENT "segment"

#define LAYOUT_RUN_ID         "run_id"
#define LAYOUT_STATUS         "status"
#define LAYOUT_PARAMETERS     "parameters"
#define LAYOUT_MESSAGE        "message"
#define LAYOUT_ARITHMETIC     "arithmetic"
#define LAYOUT_ROW_CHECKSUM   "row_checksum"
#define LAYOUT_CURVE_CHECKSUM "curve_checksum"
#define LAYOUT_MODEL_CHECKSUM "model_checksum"

#define LAYOUT_MODELS      "models"
#define LAYOUT_CHECKPOINTS "checkpoints"
#define LAYOUT_SLOTS       "slots"
#define LAYOUT_INTERNAL    "internal"
#define LAYOUT_IMMUTABLE   LAYOUT_INTERNAL "/immutable"
#define LAYOUT_BYTES       LAYOUT_INTERNAL "/bytes" // in an archive alone

// Attributes of a column.
#define LAYOUT_UNITS     "units"
#define LAYOUT_LONG_NAME "long_name"
#define LAYOUT_ROLE      "role"
#define LAYOUT_FORMAT    "format"

#define LAYOUT_ROLE_SETTING  "setting"
#define LAYOUT_ROLE_OUTCOME  "outcome"
#define LAYOUT_ROLE_CHECKSUM "checksum"
#define LAYOUT_FORMAT_LIST   "comma-separated numbers"

/* Version 1 (weightsweep up to 0.4.0): run ids of 12 hex digits, the root attribute attributes_checksum
 * instead of /internal/immutable. */
enum { SCHEMA_VERSION = 2 };

enum curve { CURVE_STEP, CURVE_LOSS, CURVE_R2, CURVE_SECONDS, CURVES };

/* [runs, points]; NaN where the run has not reached the point. */
extern const struct column layout_curves[CURVES];

enum timeline_column {
    TIMELINE_RUN,
    TIMELINE_FIRST_RANK,
    TIMELINE_RANKS,
    TIMELINE_FROM_STEP,
    TIMELINE_TO_STEP,
    TIMELINE_START,
    TIMELINE_END,
    TIMELINE_COLUMNS
};

/* [segments]: -1 (integers) or NaN where nothing is recorded. */
extern const struct column layout_timeline[TIMELINE_COLUMNS];

// Value of a checksum column before the checksum is known; no CRC-32 is negative.
enum { CHECKSUM_NONE = -1 };

// CRCs and checkpoints are taken over the bytes as they lie in memory.
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "results files are little-endian");

#endif
