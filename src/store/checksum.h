/* What each checksum of the results file covers, for the writer and the verifier alike. All are CRC-32
 * (zlib's), stored as int64. */
#ifndef STORE_CHECKSUM_H
#define STORE_CHECKSUM_H

#include "base/column.h"

#include <stdint.h>

/* The row of a finished run. `outcomes` [count] are the eight bytes of each value, int64 or float64, in the
 * file's order; message and arithmetic come with the zeros that fill them. */
int64_t checksum_row(const char *run_id, uint8_t status, const uint64_t *outcomes, int count,
                     const char *message, const char *arithmetic);

/* Everything that is known at creation: the texts of the root and the first `settings` columns of the table.
 */
int64_t checksum_attributes(int64_t schema, const char *sweep, const char *resolved, const char *versions,
                            const char *created, const struct column_table *columns, int settings);

#endif
