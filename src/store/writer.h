/* The parallel handle, shared by the files that write through it. */
#ifndef STORE_WRITER_H
#define STORE_WRITER_H

#include "store/checkpoint.h"
#include "store/h5.h"
#include "store/layout.h"
#include "store/store.h"

#include <hdf5.h>

struct writer_outcome {
    char *name;
    hid_t dataset;
    bool integer; // int64 in the file, else float64
};

struct store {
    char *path;
    MPI_Comm comm;
    hid_t file;       // through MPI-IO; every write is independent
    int fd;           // on the same file: slots and fdatasync
    int64_t datasets; // of the root that belong to this program; the others are foreign
    int64_t runs, points;
    hid_t run_id, status, message, arithmetic, row_checksum, curve_checksum, model_checksum; // [runs]
    hid_t curves[CURVES];                                                                    // [runs, points]
    int64_t segments;                 // of the timeline; 0: the file is older than timelines
    hid_t timeline[TIMELINE_COLUMNS]; // [segments]
    struct writer_outcome *outcomes;  // [outcome_count], in the plan's order
    int outcome_count;
    struct slots slots; // of the run that was checkpointed last
};

/* The CRC-32 of the first points of a run's curves, as they are in the file. */
enum status writer_curve_crc(struct store *store, int64_t run, int64_t points, uint32_t *crc);

/* The id of a run, which the caller frees. */
enum status writer_run_id(struct store *store, int64_t run, char **run_id);

/* Opens a run's group of tensors and reads their names, in the order of the flat vector; the caller closes and frees both,
 * also after a failure. */
enum status writer_model(struct store *store, int64_t run, hid_t *group, struct h5_names *names);

#endif
