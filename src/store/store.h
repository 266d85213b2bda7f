/* The results file: one HDF5 file that holds a whole sweep. The only folder that includes hdf5.h.
 *
 * store_create makes everything at the start (RESULTS.h5.part, fsync, rename). Afterwards only raw data is
 * written, at places that never move, so the file can be opened at any moment, also after a kill. store_open
 * reads these places through HDF5 on rank 0 and broadcasts those of the checkpoint slots; then every write is
 * a pwrite. The leader of a run's group writes the run's slots, which fill 4 KiB pages of their own: a
 * network file system needs one writer per page. Rank 0 writes everything else. */
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

enum { STORE_MAX_TENSORS = 48, STORE_MESSAGE_LENGTH = 256, STORE_ARITHMETIC_LENGTH = 256 };

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

/* What a new file is to hold. Everything stays the caller's. */
struct store_plan {
    const char *sweep, *resolved, *versions; // texts of the root attributes; versions is JSON
    const struct column_table *settings;     // known at creation; must have the text column run_id
    const struct column *outcomes; // [outcome_count]: name, type, units, long_name; unknown: INT 0, REAL NaN
    int outcome_count;
    int64_t points; // longest curve
    // The run's tensors, packed: each starts where the one before it ends.
    void (*model)(const void *context, int64_t run, struct store_model *model);
    const void *context;
};

/* Creates the file beside its name and renames it. One process, not collective. Fails with STATUS_RESULTS if
 * the file exists, with STATUS_MACHINE if it cannot be written; leaves nothing behind then. */
enum status store_create(const char *path, const struct store_plan *plan);
/* The size in bytes of the file that store_create would make, within a few per cent. Writes no file. */
enum status store_plan_bytes(const struct store_plan *plan, int64_t *bytes);

/* The lock of the only writer, RESULTS.h5.lock beside the file: held from acquire to release or to the end of
 * the process. One process (rank 0). STATUS_RESULTS with host, pid, job and since when if another live
 * process holds it. */
enum status store_lock_acquire(const char *path, int *lock);
void store_lock_release(const char *path, int *lock);
/* Whether a live process holds the lock (for `status`). */
bool store_lock_held(const char *path);

/* ---- Writing ---- */

struct store;

/* Collective on comm. STATUS_RESULTS on every rank if any of them cannot use the file. */
enum status store_open(const char *path, MPI_Comm comm, struct store **store);
/* Rank 0. STATUS_RESULTS once the file was removed, renamed or replaced: the writes would be lost. */
enum status store_check_name(const struct store *store);
/* Collective on the communicator of store_open. Syncs the file and checks its name. */
enum status store_close(struct store **store);

/* One point of a run's curves, in the order of the curves in layout.h. */
struct store_point {
    double step, loss, r2, seconds;
};

/* ---- Writing: the leader of the run's group, not collective ---- */

/* One part of a checkpoint's payload. The parts follow each other in the slot. */
struct store_segment {
    void *bytes;
    size_t length;
};
/* Overwrites the older of the run's two slots: payload, sync, header, sync. The slot keeps the run's curve
 * [points], too: rank 0 may not have written it yet. */
enum status store_write_checkpoint(struct store *store, int64_t run, int64_t step,
                                   const struct store_segment *segments, int count,
                                   const struct store_point *curve, int64_t points);
/* Opens the file anew and reads the newest whole slot into the segments, but for those without `bytes`, and
 * into `curve` (NULL, or as long as the file's curves). *found is false if no slot is whole; then step,
 * segments and curve are undefined. */
enum status store_read_checkpoint(struct store *store, int64_t run, int64_t *step,
                                  const struct store_segment *segments, int count, struct store_point *curve,
                                  bool *found);

/* ---- Writing: rank 0, not collective ---- */

/* Number of points of a curve in this file. */
int64_t store_points(const struct store *store);

/* Not synced. */
enum status store_write_curve_point(struct store *store, int64_t run, int64_t point,
                                    const struct store_point *values);
/* Makes the run's curves those of its newest whole checkpoint, before the run goes on: a kill may have lost
 * points, or left points of steps that will be repeated. */
enum status store_restore_curve(struct store *store, int64_t run);

/* Maximum number of rows. Later rows are not recorded. */
int64_t store_timeline_room(const struct store *store);
/* Begins row `segment`, and says how far it has come since. Not synced. */
enum status store_timeline_begin(struct store *store, int64_t segment,
                                 const struct timeline_interval *interval);
enum status store_timeline_extend(struct store *store, int64_t segment, int64_t to_step, double end_seconds);

/* Writes the tensors of the flat vector `parameters`; not synced. *checksum is theirs, for store_write_row.
 */
enum status store_write_model(struct store *store, int64_t run, const float *parameters, int64_t *checksum);
enum status store_write_status(struct store *store, int64_t run, enum run_state status);
/* One outcome of an unfinished run while it runs (steps_done, loss, ...), as it is now; not synced. */
enum status store_write_outcome(struct store *store, int64_t run, const char *name, double value);
/* The row of a finished run: the outcomes (in the plan's order, as doubles), the texts and the checksums of
 * model and curves; sync; the row's checksum; sync; status; sync. model_checksum is -1 for a run without a
 * model. Texts that are too long are cut. */
enum status store_write_row(struct store *store, int64_t run, enum run_state status, const double *outcomes,
                            int64_t model_checksum, const char *message, const char *arithmetic);

/* ---- Reading: a serial view, also of a file that is being written. No MPI needed, sets no lock. ---- */

struct store_view {
    char *path;
    int64_t schema;   // the file's schema_version
    bool older;       // `schema` is below this program's: the file can be read, not written
    int64_t datasets; // of the root that belong to this program; see store/immutable.h
    int64_t runs, points;
    char *sweep, *resolved, *versions, *created;
    struct column_table
        columns; // every [run] column but status: settings, outcomes, message, arithmetic, checksums
    int settings, outcomes; // how many of each, in this order
    uint8_t *status;        // [runs], enum run_state
    bool *damaged; // [runs]: finished, but its numbers do not match their checksum; here it is pending, what
                   // it left is unknown, and its message says why
    char *message, *arithmetic; // [runs, STORE_MESSAGE_LENGTH and STORE_ARITHMETIC_LENGTH], as in the file
    bool archive;               // made by store_archive: no checkpoints
    bool models;                // false in an archive without them
    int64_t file;               // HDF5's handle
};

/* STATUS_RESULTS with a sentence: no such file, not HDF5, not ours, another schema, damaged. What
 * finished runs left is compared with its checksums whenever it is read. */
enum status store_view_open(const char *path, struct store_view **view);
void store_view_close(struct store_view **view);

/* One run's curves, [view->points] each, allocated by the caller. STATUS_RESULTS if they do not match their
 * checksum. Where not reached: step -1, the others NaN.
 */
enum status store_view_curves(const struct store_view *view, int64_t run, int64_t *step, double *loss,
                              double *r2, double *seconds);

/* Whether the curves and the model of a finished run match their checksums. */
enum status store_view_check_run(const struct store_view *view, int64_t run, bool *valid);

/* The rows of the timeline so far, in the order they began; the caller frees them. None in a file that is
 * older than timelines. */
enum status store_view_timeline(const struct store_view *view, struct timeline_interval **intervals,
                                int64_t *count);

/* The final parameters of a run (zeros while it is not done) under their names, packed into one flat vector.
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

/* Writes a copy without checkpoints, compressed, for reading alone; without `models` it has none of these
 * either. Replaces the file at `path`: the caller has checked that it may. */
enum status store_archive(const struct store_view *view, const char *path, bool models);

/* Checks every checksum and invariant: settings and attributes; of finished runs the row, of done ones curve
 * and model, of diverged and failed ones the curve if it was summed; of all others the newest checkpoint.
 * STATUS_RESULTS and a message with one line for each fault; passes every file that a kill leaves. *checked
 * counts the checks. The caller frees `foreign`, also after a failure. */
struct store_verified {
    int64_t checks;      // passed
    struct text foreign; // one line per attribute, dataset and group that another program added
    bool rewritten;      // by another program: each byte of an archive, or checkpoints, could not be checked
};
enum status store_verify(const char *path, struct store_verified *verified);

/* STATUS_USAGE if the file is an HDF5 file without `schema_version`, or no HDF5 file: an output must not
 * replace it. */
enum status store_require_results(const char *path);

/* Lets libhdf5 interpret the file once: its root, and with `runs` the models and checkpoints of each run. */
enum status store_probe(const char *path, bool runs);

/* From now on the functions that read call heartbeat(true) with each object that they read, and
 * heartbeat(false) before they return. So a caller can tell slow from stuck. */
void store_set_heartbeat(void (*heartbeat)(bool reading));

/* Call before MPI_Init: else MPI_Finalize has HDF5 close all files, and HDF5 crashes where one could not be
 * written. */
void store_begin(void);

/* Versions and drivers of the HDF5 library, one line, for `info` and `versions`. The caller frees it. */
char *store_library(void);

#endif
