#include "store/checksum.h"

#include "base/hash.h"
#include "store/file_layout.h"
#include "store/store.h"

#include <string.h>

// With its zero, so that "ab", "c" and "a", "bc" differ.
static uint32_t add_text(uint32_t crc, const char *text)
{
    return text ? hash_crc32(crc, text, strlen(text) + 1) : hash_crc32(crc, "", 1);
}

int64_t checksum_row(const char *run_id, uint8_t status, const uint64_t *outcomes, int count,
                     const char *message, const char *arithmetic)
{
    uint32_t crc = add_text(0, run_id);
    crc = hash_crc32(crc, &status, sizeof status);
    crc = hash_crc32(crc, outcomes, (size_t)count * sizeof *outcomes);
    crc = hash_crc32(crc, message, STORE_MESSAGE_LENGTH);
    return hash_crc32(crc, arithmetic, STORE_ARITHMETIC_LENGTH);
}

static uint32_t add_column(uint32_t crc, const struct column *column, int64_t rows)
{
    crc = add_text(crc, column->name);
    if (column->type == COLUMN_INT)
        return hash_crc32(crc, column->ints, (size_t)rows * sizeof *column->ints);
    if (column->type == COLUMN_REAL)
        return hash_crc32(crc, column->reals, (size_t)rows * sizeof *column->reals);
    for (int64_t row = 0; row < rows; row++)
        crc = add_text(crc, column->texts[row]);
    return crc;
}

int64_t checksum_attributes(int64_t schema, const char *sweep, const char *resolved, const char *versions,
                            const char *created, const struct column_table *columns, int settings)
{
    uint32_t crc = hash_crc32(0, &schema, sizeof schema);
    crc = add_text(crc, sweep);
    crc = add_text(crc, resolved);
    crc = add_text(crc, versions);
    crc = add_text(crc, created);
    for (int i = 0; i < settings; i++)
        crc = add_column(crc, &columns->columns[i], columns->rows);
    return crc;
}
