#include "commands/repair.h"

#include "base/agree.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdlib.h>

enum { NAMED_RUNS = 8 };

static void say(const struct command *command, const struct sweep *sweep, const bool *broken)
{
    int64_t count = 0;
    struct text names = {0};
    for (int64_t run = 0; run < sweep->runs; run++)
        if (broken[run] && ++count <= NAMED_RUNS)
            text_format(&names, "%s%s", count > 1 ? ", " : "", sweep->run[run].id);
    if (count > 0)
        fprintf(command->err,
                "note: %lld finished run%s no longer match%s its checksums (%s%s): done again from the "
                "newest whole "
                "checkpoint\n",
                (long long)count, count == 1 ? "" : "s", count == 1 ? "es" : "", names.chars,
                count > NAMED_RUNS ? ", ..." : "");
    text_free(&names);
}

// Rank 0: marks the runs in `broken` [runs], and puts them back to pending.
static enum status find_broken(const struct sweep *sweep, struct store *store, const bool *damaged,
                               uint8_t *run_status, bool *broken)
{
    for (int64_t run = 0; run < sweep->runs; run++) {
        bool valid = true;
        if (run_status[run] >= RUN_DONE)
            TRY(store_check_run(store, run, (enum run_status)run_status[run], &valid));
        broken[run] = !valid || damaged[run];
        if (!broken[run])
            continue;
        run_status[run] = RUN_PENDING;
        TRY(store_write_status(store, run, RUN_PENDING));
    }
    return STATUS_OK;
}

enum status repair_runs(const struct command *command, const struct sweep *sweep, struct store *store,
                        const bool *damaged, uint8_t *run_status)
{
    int rank;
    enum status status = STATUS_OK;
    MPI_Comm_rank(command->comm, &rank);
    if (rank == 0) {
        bool *broken = memory_small((size_t)sweep->runs * sizeof *broken);
        status = find_broken(sweep, store, damaged, run_status, broken);
        say(command, sweep, broken);
        free(broken);
    }
    MPI_Bcast(run_status, (int)sweep->runs, MPI_UINT8_T, 0, command->comm);
    return agree(status, command->comm);
}
