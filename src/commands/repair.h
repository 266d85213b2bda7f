/* Finished runs whose numbers, curves or model no longer match their checksums are done again, from the newest checkpoint
 * that is whole. */
#ifndef COMMANDS_REPAIR_H
#define COMMANDS_REPAIR_H

#include "commands/commands.h"
#include "store/store.h"
#include "sweep/sweep.h"

/* Looks at all finished runs, each rank at its part, and puts the damaged ones back to pending, in the file and in run_status
 * [runs]. `damaged` [runs], of rank 0, marks those whose row has been found damaged already. Says which. Collective. */
enum status repair_runs(const struct command *command, const struct sweep *sweep, struct store *store,
                        const bool *damaged, uint8_t *run_status);

#endif
