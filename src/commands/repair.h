/* Finished runs whose row, curves or model no longer match their checksums are done again, from their newest whole
 * checkpoint. */
#ifndef COMMANDS_REPAIR_H
#define COMMANDS_REPAIR_H

#include "commands/commands.h"
#include "store/store.h"
#include "sweep/sweep.h"

/* Puts the damaged runs back to pending, in the file and in run_status [runs], and names them. `damaged` [runs] is rank 0's.
 * Collective. */
enum status repair_runs(const struct command *command, const struct sweep *sweep, struct store *store,
                        const bool *damaged, uint8_t *run_status);

#endif
