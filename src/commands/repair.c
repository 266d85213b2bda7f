#include "commands/repair.h"

#include "base/agree.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdlib.h>

enum { NAMED_RUNS = 8 };

// Marks what this rank finds among every ranks-th run.
static enum status look_at_part(const struct sweep *sweep, struct store *store, MPI_Comm comm,
                                const uint8_t *run_status, uint8_t *broken)
{
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    for (int64_t run = rank; run < sweep->runs; run += ranks) {
        bool sound = true;
        if (run_status[run] >= RUN_DONE)
            TRY(store_check_run(store, run, (enum run_status)run_status[run], &sound));
        broken[run] = !sound;
    }
    return STATUS_OK;
}

static void say(const struct command *command, const struct sweep *sweep, const uint8_t *broken)
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

enum status repair_runs(const struct command *command, const struct sweep *sweep, struct store *store,
                        const bool *damaged, uint8_t *run_status)
{
    int rank;
    MPI_Comm_rank(command->comm, &rank);
    uint8_t *broken = memory_small((size_t)sweep->runs);
    enum status status = agree(look_at_part(sweep, store, command->comm, run_status, broken), command->comm);
    if (status == STATUS_OK)
        MPI_Allreduce(MPI_IN_PLACE, broken, (int)sweep->runs, MPI_UINT8_T, MPI_MAX, command->comm);
    for (int64_t run = 0; run < sweep->runs && status == STATUS_OK; run++) {
        broken[run] |= rank == 0 && damaged[run];
        if (!broken[run])
            continue;
        run_status[run] = RUN_PENDING;
        if (rank == 0)
            status = store_write_status(store, run, RUN_PENDING);
    }
    if (rank == 0)
        say(command, sweep, broken);
    free(broken);
    return agree(status, command->comm);
}
