/* The writer's handle: a descriptor, and where everything is in the file. */
#ifndef STORE_STORE_WRITER_H
#define STORE_STORE_WRITER_H

#include "store/checkpoint.h"
#include "store/file_layout.h"
#include "store/immutable.h"
#include "store/store.h"

_Static_assert(sizeof(struct store_point) == CURVES * sizeof(double), "a point has one value of each curve");

struct writer_outcome {
    char *name;
    off_t offset;
    bool integer; // int64 in the file, else float64
};

/* The places of a run's model: of the tensors in the order of the flat vector, neighbours joined. */
struct writer_model {
    int extents;
    struct writer_extent {
        off_t offset;
        size_t length; // bytes
    } * extent;
};

struct store {
    char *path;
    MPI_Comm comm;
    int64_t runs, points;
    struct slots *slots; // [runs]

    // The run that this rank leads. The file is opened anew for each.
    int run_fd;
    int64_t open_run; // -1: none
    struct newest_slot newest;

    // Identity of the file: a rank that opens it anew finds these bytes, or another file has its name.
    off_t identity_offset;
    struct immutable identity;

    // Offsets of [runs] columns, [runs, points] curves and [segments] columns of the timeline.
    off_t status, message, arithmetic, row_checksum, curve_checksum, model_checksum;
    off_t curves[CURVES];
    int64_t segments; // 0: the file is older than timelines
    off_t timeline[TIMELINE_COLUMNS];

    // Rank 0.
    int fd;                          // -1 in other ranks
    struct writer_model *models;     // [runs]
    struct writer_outcome *outcomes; // [outcome_count], in the plan's order
    int outcome_count;
};

/* STATUS_INTERNAL unless the file has this run. */
enum status writer_check_run(const struct store *store, int64_t run);

/* Opens the file for the slots of a run, closing it for the one before, and finds the newest whole slot. */
enum status writer_open_run(struct store *store, int64_t run);

/* Rank 0. The CRC-32 of a run's curves, as they are in the file. */
enum status writer_curve_crc(struct store *store, int64_t run, uint32_t *crc);

#endif
