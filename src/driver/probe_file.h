/* Probe of a results file: a child process reads the file before this process opens it.
 *
 * libhdf5 does not validate all metadata: damaged metadata may crash it or send it into an endless loop.
 * Every command that opens an existing file therefore first starts the child `weightsweep look FILE`. The
 * child writes a heartbeat with each object that it reads. Results of the probe:
 *   - STATUS_RESULTS: the child reads wrong bytes, dies of a signal, or uses 5 s of processor time without a
 *     heartbeat;
 *   - STATUS_MACHINE: the child meets EIO, or waits for 60 s without a heartbeat and without use of the
 *     processor (the file system does not respond).
 * The child is a new process, since fork alone is unsafe once MPI has started. */
#ifndef DRIVER_PROBE_FILE_H
#define DRIVER_PROBE_FILE_H

#include "base/status.h"
#include "store/store.h"

enum probe {
    PROBE_COLUMNS, // the datasets of the root
    PROBE_ALL,     // also the model and checkpoints of each run
    PROBE_OUTPUT,  // as PROBE_ALL; STATUS_USAGE for a file that is not a results file
};

/* Probes the file. The failure of the child becomes the failure of this process. Not collective. */
enum status probe_file(const char *path, enum probe what);

/* store_view_open. STATUS_RESULTS if a column is missing that all commands use: steps, steps_done,
 * flops_per_step. */
enum status probe_file_view(const char *path, struct store_view **view);

/* probe_file, then starts a watchdog: a later read of a results file that makes no progress for 60 s ends the
 * process with STATUS_MACHINE. For commands that only read. */
enum status probe_file_before(const char *path, enum probe what);

/* probe_file_before, then probe_file_view. */
enum status probe_file_open(const char *path, enum probe what, struct store_view **view);

#endif
