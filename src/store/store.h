/* The results file: one HDF5 file that holds a whole sweep. Only this folder includes hdf5.h.
 *
 * store_create creates every group, dataset and attribute (in RESULTS.h5.part, then fsync and rename).
 * Afterwards only raw data is written, at fixed offsets, so the file can be opened at any moment, also after
 * a kill. store_open reads the offsets through HDF5 on rank 0 and broadcasts those of the checkpoint slots;
 * from then on every write is a pwrite. The leader of a run's group writes the run's slots, which fill whole
 * 4 KiB pages, because a network file system needs one writer per page. Rank 0 writes everything else. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/column.h"
#include "base/status.h"
#include "base/text.h"
#include "base/timeline_interval.h"

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum run_state { RUN_PENDING, RUN_RUNNING, RUN_DONE, RUN_DIVERGED, RUN_FAILED };

enum { STORE_MAX_TENSORS = 336, STORE_MESSAGE_LENGTH = 256, STORE_ARITHMETIC_LENGTH = 256 };

struct store_tensor {
    const char *name;
    int rank;         // 1 or 2
    int64_t shape[2]; // row-major
    size_t offset;    // in floats, into the flat vector
};

struct store_model {
    int tensors;
    struct store_tensor tensor[STORE_MAX_TENSORS];
    size_t checkpoint_bytes; // payload of one slot
};

/* Description of a new file. The caller keeps the ownership of everything in it. */
struct store_plan {
    const char *sweep, *resolved, *versions; // texts of the root attributes; versions is JSON
    const struct column_table *settings;     // known at creation; must have the text column run_id
    const struct column *outcomes; // [outcome_count]: name, type, units, long_name; unknown: INT 0, REAL NaN
    int outcome_count;
    int64_t points; // length of the longest curve
    // Describes the run's tensors; each tensor starts where the previous one ends.
    void (*model)(const void *context, int64_t run, struct store_model *model);
    const void *context;
};

/* Creates the file as PATH.part and renames it. One process, not collective. STATUS_RESULTS if the file
 * exists, STATUS_MACHINE if it cannot be written; after a failure no file remains. */
enum status store_create(const char *path, const struct store_plan *plan);
/* Predicts the size in bytes of the file that store_create would create, within a few per cent. Writes no
 * file. */
enum status store_plan_bytes(const struct store_plan *plan, int64_t *bytes);

/* Acquires the lock of the file's writer, PATH.lock beside the file, until store_lock_release or the end of
 * the process. Rank 0 only. STATUS_RESULTS if another live process holds the lock; the message names its
 * host, pid, job and start. Removes the unfinished files PATH.part and PATH.grown of a holder that was
 * killed. */
enum status store_lock_acquire(const char *path, int *lock);
/* Call once the file is created or extended: from then on a kill leaves no unfinished file. */
enum status store_lock_created(const char *path, int lock);
void store_lock_release(const char *path, int *lock);
/* Whether a live process holds the lock. */
bool store_lock_held(const char *path);

/* ---- Writing ---- */

struct store;

/* Opens the file for writing. Collective on comm. STATUS_RESULTS on every rank if any rank cannot use the
 * file. */
enum status store_open(const char *path, MPI_Comm comm, struct store **store);
/* Rank 0. STATUS_RESULTS if the file was removed, renamed or replaced: further writes would be lost. */
enum status store_check_name(const struct store *store);
/* Syncs the file and checks its name. Collective on the communicator of store_open. */
enum status store_close(struct store **store);

/* One point of a run's curves, in the order of enum curve in file_layout.h. */
struct store_point {
    double step, loss, r2, seconds;
};

/* ---- Writing: the leader of the run's group, not collective ---- */

/* One segment of a checkpoint's payload. The segments are contiguous in the slot. */
struct store_segment {
    void *bytes;
    size_t length;
};
/* Overwrites the older of the run's two slots: payload, sync, header, sync. The slot also holds the run's
 * curve [points], because rank 0 may not have written it yet. */
enum status store_write_checkpoint(struct store *store, int64_t run, int64_t step,
                                   const struct store_segment *segments, int count,
                                   const struct store_point *curve, int64_t points);
/* Opens the file again and reads the newest whole slot into the segments (those whose `bytes` is NULL are
 * skipped) and into curve [store_points], unless `curve` is NULL. *found is false if no slot is whole; then
 * step, segments and curve are undefined. */
enum status store_read_checkpoint(struct store *store, int64_t run, int64_t *step,
                                  const struct store_segment *segments, int count, struct store_point *curve,
                                  bool *found);

/* ---- Writing: rank 0, not collective ---- */

/* Number of points of a curve in this file. */
int64_t store_points(const struct store *store);

/* Writes point `point` of each of the run's curves; not synced. */
enum status store_write_curve_point(struct store *store, int64_t run, int64_t point,
                                    const struct store_point *values);
/* Sets the run's curves to those of its newest whole checkpoint. Call before the run continues: a kill may
 * have lost points or left points of steps that will be repeated. */
enum status store_restore_curve(struct store *store, int64_t run);

/* Writes row `segment` of the timeline, and updates its end. Not synced. Rows beyond the maximum are not
 * recorded. */
enum status store_timeline_begin(struct store *store, int64_t segment,
                                 const struct timeline_interval *interval);
enum status store_timeline_extend(struct store *store, int64_t segment, int64_t to_step, double end_seconds);

/* Writes the tensors of the flat vector `parameters`; not synced. *checksum is an argument of
 * store_write_row. */
enum status store_write_model(struct store *store, int64_t run, const float *parameters, int64_t *checksum);
enum status store_write_status(struct store *store, int64_t run, enum run_state status);
/* Writes the current value of one outcome of a running run (steps_done, loss, ...); not synced. */
enum status store_write_outcome(struct store *store, int64_t run, const char *name, double value);
/* Writes the row of a finished run: the outcomes (in the plan's order, as doubles), the texts and the
 * checksums of model and curves; sync; the row's checksum; sync; status; sync. model_checksum is -1 for a run
 * without a model. Texts that are too long are truncated. */
enum status store_write_row(struct store *store, int64_t run, enum run_state status, const double *outcomes,
                            int64_t model_checksum, const char *message, const char *arithmetic);

/* ---- Reading: a serial view, also of a file that another process writes. Needs no MPI and no lock. ---- */

struct store_view {
    char *path;
    int64_t schema;   // the file's schema_version
    bool older;       // `schema` is below this program's: the file can be read, not written
    int64_t datasets; // number of datasets of the root that belong to this program; see store/checksum.h
    int64_t runs, points;
    char *sweep, *resolved, *versions, *created;
    struct column_table
        columns; // every [run] column but status: settings, outcomes, message, arithmetic, checksums
    int settings, outcomes; // numbers of settings and outcomes; the columns are in this order
    uint8_t *status;        // [runs], enum run_state
    bool *damaged; // [runs]: the row of a finished run does not match its checksum. The view shows the run as
                   // pending without outcomes; its message gives the reason.
    char *message, *arithmetic; // [runs, STORE_MESSAGE_LENGTH and STORE_ARITHMETIC_LENGTH], as in the file
    bool archive;               // made by store_archive: no checkpoints
    bool models;                // false in an archive without them
    int64_t file;               // HDF5's handle
};

/* STATUS_RESULTS if the file is missing, is not an HDF5 file, is not a results file, has another schema or is
 * damaged. Rows, curves and models of finished runs are compared with their checksums at each read. */
enum status store_view_open(const char *path, struct store_view **view);
void store_view_close(struct store_view **view);

/* Reads a run's curves: curve [view->points]. STATUS_RESULTS if they do not match their checksum. Points that
 * the run has not reached: step -1, the others NaN. */
enum status store_view_curves(const struct store_view *view, int64_t run, struct store_point *curve);

/* Whether the curves and the model of a finished run match their checksums. */
enum status store_view_check_run(const struct store_view *view, int64_t run, bool *valid);

/* Reads the rows of the timeline, in the order of their start; the caller frees them. A file without a
 * timeline has 0 rows. */
enum status store_view_timeline(const struct store_view *view, struct timeline_interval **intervals,
                                int64_t *count);

/* The final parameters of a run (zeros until the run is done): a table of tensors and one flat vector.
 * STATUS_RESULTS if the file is an archive without models. */
struct store_parameters {
    struct store_model model; // checkpoint_bytes unused
    float *values;            // [count]
    size_t count;
    int64_t offset[STORE_MAX_TENSORS]; // of each tensor's bytes in the file; -1: chunked
};
enum status store_view_parameters(const struct store_view *view, int64_t run,
                                  struct store_parameters **parameters);
void store_parameters_free(struct store_parameters **parameters);

/* Writes a compressed read-only copy without checkpoints and, unless `models`, without models. Replaces the
 * file at `path`; the caller checks beforehand that it may be replaced. */
enum status store_archive(const struct store_view *view, const char *path, bool models);

/* Checks every checksum and invariant: settings and attributes; the row and curves of finished runs; the
 * model of done runs; the newest checkpoint of all other runs. STATUS_RESULTS and a message with one line per
 * fault. Every file that a kill leaves passes. The caller frees `foreign`, also after a failure. */
struct store_verified {
    int64_t checks;      // number of checks
    struct text foreign; // one line per attribute, dataset and group that another program added
    bool rewritten;      // by another program: checkpoints or the bytes of an archive cannot be checked
};
enum status store_verify(const char *path, struct store_verified *verified);

/* Opens everything in the file that libhdf5 interprets: the root and, if `runs`, the models and checkpoints
 * of each run. Call it in a child process, because libhdf5 may crash or hang on a damaged file. If `output`,
 * STATUS_USAGE if the file is not an HDF5 file or has no attribute `schema_version`: an output must not
 * replace it. */
enum status store_probe(const char *path, bool output, bool runs);

/* Sets a function that all reading functions call: heartbeat(true) per object that they read,
 * heartbeat(false) before they return. The caller uses it to detect a read without progress. */
void store_set_heartbeat(void (*heartbeat)(bool reading));

/* Call before MPI_Init. Otherwise MPI_Finalize makes HDF5 close all files, and HDF5 crashes if a file could
 * not be written. */
void store_begin(void);

/* Name and version of the HDF5 library in one line. The caller frees it. */
char *store_library(void);

#endif
