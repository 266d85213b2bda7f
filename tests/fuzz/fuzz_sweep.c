// The sweep parser: any text is a sweep or has its mistakes told, in bounded memory. Lines that begin with
// "--set " are taken out and given as such options.
#include "base/memory.h"
#include "base/text.h"
#include "fuzz.h"
#include "sweep/sweep.h"

#include <stdlib.h>
#include <string.h>

enum { SETS = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char option[] = "--set ";
    const char *set[SETS];
    int sets = 0;
    if (memchr(data, '\0', size))
        return 0; // sweep_read refuses it
    char *input = memory_format("%.*s", (int)size, (const char *)data), *rest = input;
    struct text yaml = {0};
    text_add(&yaml, "");
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (sets < SETS && strncmp(line, option, strlen(option)) == 0) {
            set[sets++] = line + strlen(option);
            continue;
        }
        text_add(&yaml, line);
        if (rest)
            text_add(&yaml, "\n");
    }
    struct sweep *sweep = NULL;
    struct column_table columns = {0};
    if (sweep_create("fuzz.yaml", yaml.chars, sets, set, &sweep) == STATUS_OK)
        sweep_columns(sweep, &columns);
    else if (status_message()[0] == '\0')
        abort(); // refused without a word
    column_table_free(&columns);
    sweep_destroy(&sweep);
    text_free(&yaml);
    free(input);
    return 0;
}
