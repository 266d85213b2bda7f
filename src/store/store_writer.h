/* The writer's handle: file descriptors and the offsets of all data in the file. */
#ifndef STORE_STORE_WRITER_H
#define STORE_STORE_WRITER_H

#include "store/checkpoint.h"
#include "store/checksum.h"
#include "store/file_layout.h"
#include "store/store.h"

_Static_assert(sizeof(struct store_point) == CURVES * sizeof(double), "a point has one value of each curve");

struct writer_outcome {
    char *name;
    off_t offset;
    bool integer; // int64 in the file, else float64
};

struct tensor_location {
    off_t offset;
    size_t length; // bytes
};

/* Location of a run's model: its tensors in the order of the flat vector. */
struct writer_model {
    int tensors;
    struct tensor_location *tensor; // [tensors]
};

struct store {
    char *path;
    MPI_Comm comm;
    struct {
        int64_t runs, points;
        // A rank that opens the file again checks that the file still has this identity at this offset.
        int64_t identity_offset;
        struct immutable identity;
    } common;            // the same on every rank
    struct slots *slots; // [runs]

    // The run whose group this rank leads.
    int run_fd;       // the file is opened again for each run
    int64_t open_run; // -1: none
    struct newest_slot newest;

    // Rank 0: offsets of [runs] columns, [runs, points] curves and [segments] columns of the timeline.
    off_t status, message, arithmetic, row_checksum, curve_checksum, model_checksum;
    off_t curves[CURVES];
    int64_t segments; // 0: the file has no timeline
    off_t timeline[TIMELINE_COLUMNS];
    int fd;                          // -1 on other ranks
    struct writer_model *models;     // [runs]
    struct writer_outcome *outcomes; // [outcome_count], in the plan's order
    int outcome_count;
};

/* STATUS_INTERNAL unless the file has this run. */
enum status writer_check_run(const struct store *store, int64_t run);

/* Opens the file again for the slots of this run and finds its newest whole slot. Closes the previous
 * descriptor. */
enum status writer_open_run(struct store *store, int64_t run);

#endif
