#include "driver/repair.h"

#include "base/agree.h"
#include "base/text.h"

#include <stdio.h>

enum { NAMED_RUNS = 8 };

static void print_note(FILE *err, const struct sweep *sweep, const bool *damaged)
{
    int64_t count = 0;
    struct text names = {0};
    for (int64_t run = 0; run < sweep->runs; run++)
        if (damaged[run] && ++count <= NAMED_RUNS)
            text_format(&names, "%s%s", count > 1 ? ", " : "", sweep->run[run].id);
    if (count > 0)
        fprintf(err,
                "note: %lld finished run%s no longer match%s its checksums (%s%s): done again from the "
                "newest valid checkpoint\n",
                (long long)count, text_plural(count), count == 1 ? "es" : "", names.chars,
                count > NAMED_RUNS ? ", ..." : "");
    text_free(&names);
}

enum status repair_runs(const struct sweep *sweep, struct store *store, const bool *damaged,
                        uint8_t *run_state, MPI_Comm comm, FILE *err)
{
    int rank;
    enum status status = STATUS_OK;
    MPI_Comm_rank(comm, &rank);
    for (int64_t run = 0; rank == 0 && run < sweep->runs && status == STATUS_OK; run++)
        if (damaged[run]) {
            run_state[run] = RUN_PENDING;
            status = store_write_status(store, run, RUN_PENDING);
        }
    if (rank == 0)
        print_note(err, sweep, damaged);
    MPI_Bcast(run_state, (int)sweep->runs, MPI_UINT8_T, 0, comm);
    return agree(status, comm);
}
