#include "sweep/sweep.h"

#include "base/memory.h"
#include "sweep/canonical.h"
#include "sweep/expand.h"
#include "sweep/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE_BYTES = 16 << 20 };

static bool is_utf16(const char *bytes)
{
    return memcmp(bytes, "\xff\xfe", 2) == 0 || memcmp(bytes, "\xfe\xff", 2) == 0;
}

enum status sweep_read(const char *path, char **text)
{
    enum status status = STATUS_OK;
    char *bytes = memory_small(MAX_FILE_BYTES + 1);
    *text = NULL;
    errno = 0;
    FILE *file = fopen(path, "r");
    if (!file)
        FAIL_DONE(STATUS_USAGE, "%s: cannot be opened: %s", path, strerror(errno));
    size_t length = fread(bytes, 1, MAX_FILE_BYTES + 1, file);
    if (ferror(file))
        FAIL_DONE(STATUS_USAGE, "%s: cannot be read: %s", path, strerror(errno));
    if (length > MAX_FILE_BYTES)
        FAIL_DONE(STATUS_USAGE, "%s: more than %d MiB; expected a sweep file", path, MAX_FILE_BYTES >> 20);
    if (memchr(bytes, '\0', length))
        FAIL_DONE(STATUS_USAGE,
                  "%s: holds NUL bytes, so it is not text; expected a sweep file in YAML and UTF-8%s", path,
                  is_utf16(bytes) ? " (from UTF-16: iconv -f utf-16 -t utf-8)" : "");
    bytes[length] = '\0';
    *text = memory_text(bytes);
done:
    if (file)
        fclose(file);
    free(bytes);
    return status;
}

// Splits KEY=VALUE in place and applies it. `argument` must outlive the grid.
static void apply_set(char *argument, struct grid *grid)
{
    char *equals = strchr(argument, '=');
    if (!equals) {
        diagnostics_add(grid->diagnostics, (struct source_location){.set = argument}, NULL,
                        "a value is missing; expected KEY=VALUE");
        return;
    }
    *equals = '\0';
    reader_set(argument, equals + 1, grid);
}

static void finish(const struct grid *grid, const char *text, struct diagnostics *notes, struct sweep *sweep)
{
    struct text resolved = {0}, remarks = {0};
    for (int64_t i = 0; i < sweep->runs; i++)
        sweep->run[i].cost = run_cost(&sweep->run[i]);
    canonical_sweep(grid, &resolved);
    sweep->name = memory_text(grid->name);
    sweep->text = memory_text(text);
    sweep->resolved = text_take(&resolved);
    diagnostics_print(notes, "note: ", &remarks);
    sweep->notes = text_take(&remarks);
}

enum status sweep_create(const char *path, const char *text, int sets, const char *const *set,
                         struct sweep **out)
{
    struct diagnostics notes = {.path = path}, diagnostics = {.path = path, .notes = &notes};
    struct sweep *sweep = memory_small(sizeof *sweep);
    char **arguments = memory_small((size_t)sets * sizeof *arguments);
    struct grid grid;
    struct node root;
    grid_init(&grid, &diagnostics);
    for (int i = 0; i < sets; i++)
        arguments[i] = memory_text(set[i]);
    if (document_read(text, NULL, &diagnostics, &root) && reader_file(&root, &grid)) {
        for (int i = 0; i < sets; i++)
            apply_set(arguments[i], &grid);
        grid_check_required(&grid);
        expand_grid(&grid, &sweep->run, &sweep->runs);
    }
    enum status status = diagnostics_status(&diagnostics);
    if (status == STATUS_OK)
        finish(&grid, text, &notes, sweep);
    else
        sweep_destroy(&sweep);
    *out = sweep;
    for (int i = 0; i < sets; i++)
        free(arguments[i]);
    free(arguments);
    document_free(&root);
    grid_free(&grid);
    diagnostics_free(&diagnostics);
    diagnostics_free(&notes);
    return status;
}

void sweep_destroy(struct sweep **sweep)
{
    if (!*sweep)
        return;
    free((*sweep)->name);
    free((*sweep)->text);
    free((*sweep)->resolved);
    free((*sweep)->notes);
    free((*sweep)->run);
    free(*sweep);
    *sweep = NULL;
}
