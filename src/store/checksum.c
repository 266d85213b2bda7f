#include "store/checksum.h"

#include "base/hash.h"

#include <string.h>

uint32_t checksum_text(uint32_t crc, const char *text)
{
    return text ? hash_crc32(crc, text, strlen(text) + 1) : hash_crc32(crc, "", 1);
}

int64_t checksum_row(const char *run_id, uint8_t status, const uint64_t *outcomes, int count,
                     const char *message, const char *arithmetic)
{
    uint32_t crc = checksum_text(0, run_id);
    crc = hash_crc32(crc, &status, sizeof status);
    crc = hash_crc32(crc, outcomes, (size_t)count * sizeof *outcomes);
    crc = hash_crc32(crc, message, STORE_MESSAGE_LENGTH);
    return hash_crc32(crc, arithmetic, STORE_ARITHMETIC_LENGTH);
}

int64_t checksum_attributes(const struct store_view *view)
{
    uint32_t crc = hash_crc32(0, &view->schema, sizeof view->schema);
    crc = checksum_text(crc, view->sweep);
    crc = checksum_text(crc, view->resolved);
    crc = checksum_text(crc, view->versions);
    crc = checksum_text(crc, view->created);
    for (int i = 0; i < view->settings; i++) {
        const struct column *column = &view->columns.columns[i];
        crc = checksum_text(crc, column->name);
        if (column->type == COLUMN_INT || column->type == COLUMN_REAL) // both have eight bytes per row
            crc = hash_crc32(crc, column->ints, (size_t)view->runs * sizeof *column->ints);
        else
            for (int64_t row = 0; row < view->runs; row++)
                crc = checksum_text(crc, column->texts[row]);
    }
    return crc;
}
