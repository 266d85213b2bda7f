/* A sweep: the YAML file, validated and expanded into runs. No MPI, no HDF5. */
#ifndef SWEEP_SWEEP_H
#define SWEEP_SWEEP_H

#include "base/column.h"
#include "base/status.h"
#include "spec/run_spec.h"

struct sweep {
    char *name;
    char *text;     // the YAML as it was read
    char *resolved; // canonical YAML with every default; equal for equal sweeps, however they were written
    char *notes;    // lines "note: FILE:LINE: ..." on settings that are valid but hardly meant; "": none
    int64_t runs;
    struct run_spec *run;  // [runs], in the order of the axes, the last axis fastest
    struct run_cost *cost; // [runs]
};

/* Reads a whole file into *text; the caller frees it. STATUS_USAGE with a sentence if that cannot be done. */
enum status sweep_read(const char *path, char **text);

/* Parses, validates and expands. `path` only names the file in messages; `set` holds KEY=VALUE strings of
 * --set. All mistakes are found at once: STATUS_USAGE, and status_message() has one line for each,
 * "FILE:LINE: key: what is wrong; what was expected; did you mean `x`?" (or "--set KEY: ..."). */
enum status sweep_create(const char *path, const char *text, int sets, const char *const *set,
                         struct sweep **sweep);

void sweep_destroy(struct sweep **sweep);

/* The columns of the settings and of the costs under the results file's names: run_id, task, ..., parameters,
 * flops_per_step. The caller frees the table. */
void sweep_columns(const struct sweep *sweep, struct column_table *table);

/* What a sweep file may say, for help: setting, default, values, meaning; a row for each. The caller frees
 * the table. */
void sweep_settings(struct column_table *table);

#endif
