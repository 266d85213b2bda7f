// Two ranks with different statuses: both get the graver status and its message. Exit code 0 if this holds
// for every pair.
#include "base/agree.h"

#include <stdio.h>
#include <string.h>

static int check(int rank, enum status first, enum status second, enum status expected)
{
    enum status mine = rank == 0 ? first : second;
    if (mine != STATUS_OK)
        status_fail(mine, __FILE__, __LINE__, "status %d", mine);
    enum status agreed = agree(mine, MPI_COMM_WORLD);
    char message[32];
    snprintf(message, sizeof message, "status %d", expected);
    if (agreed == expected && (expected == STATUS_OK || strcmp(status_message(), message) == 0))
        return 0;
    fprintf(stderr, "rank %d: %d and %d gave %d (%s)\n", rank, first, second, agreed, status_message());
    return 1;
}

int main(int argc, char **argv)
{
    static const enum status ascending[] = {STATUS_OK,      STATUS_RUNS,    STATUS_INTERRUPTED,
                                            STATUS_USAGE,   STATUS_MEMORY,  STATUS_RESULTS,
                                            STATUS_MACHINE, STATUS_INTERNAL};
    enum { COUNT = sizeof ascending / sizeof *ascending };
    int rank, failures = 0;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < COUNT; j++)
            failures += check(rank, ascending[i], ascending[j], ascending[i > j ? i : j]);
    MPI_Finalize();
    return failures > 0;
}
