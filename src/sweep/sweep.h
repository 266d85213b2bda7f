/* A sweep: the YAML file, validated and expanded into runs. No MPI, no HDF5. */
#ifndef SWEEP_SWEEP_H
#define SWEEP_SWEEP_H

#include "base/column.h"
#include "base/status.h"
#include "spec/run_spec.h"

struct sweep {
    char *name;
    char *text;     // the YAML text of the file
    char *resolved; // canonical YAML with every default; equal for equal sweeps
    char *notes;    // lines "note: FILE:LINE: ..." about valid but unusual settings; "": none
    int64_t runs;
    struct run_spec *run; // [runs], in the order of the axes; the last axis varies fastest
};

/* Reads a whole file into *text; the caller frees it. STATUS_USAGE if the file cannot be read, is too large
 * or holds NUL bytes. */
enum status sweep_read(const char *path, char **text);

/* Parses, validates and expands. `path` only names the file in messages; `set` holds KEY=VALUE strings of
 * --set. Returns STATUS_USAGE if there are errors; status_message() then has one line per error: "FILE:LINE:
 * key: what is wrong; what was expected; did you mean `x`?" (or "--set KEY: ..."). */
enum status sweep_create(const char *path, const char *text, int sets, const char *const *set,
                         struct sweep **sweep);

void sweep_destroy(struct sweep **sweep);

/* Fills the table with the settings and costs of each run, under the results file's names: run_id, task, ...,
 * parameters, flops_per_step. The caller frees the table. */
void sweep_columns(const struct sweep *sweep, struct column_table *table);

/* True for a column of sweep_columns that follows from others, such as generator_hidden from `unknowns`. */
bool sweep_column_follows(const char *name);

/* Fills the table that --help prints: one row per setting with its name, default, valid values and meaning.
 * The caller frees the table. */
void sweep_settings(struct column_table *table);

#endif
