/* The file that a command writes. A file that exists is replaced only if this program made it and it is of
 * the kind that the command writes; a marker in the file says so. */
#ifndef CLI_OUTPUT_FILE_H
#define CLI_OUTPUT_FILE_H

#include "base/status.h"

#include <stdbool.h>

struct output {
    const char *path;
    const char *input; // the file that the command reads
    const char *kind;  // "an archive": completes "... is not ... of weightsweep"
    /* Whether the existing regular file has the marker; *ours is false before. */
    enum status (*is_ours)(const char *path, bool *ours);
};

/* STATUS_OK if nothing has the output's name, or an earlier output of the same kind. STATUS_USAGE for any
 * other file, for the input under whatever name, and for a folder or a symbolic link (the rename of the
 * new file would replace the link). */
enum status output_check(const struct output *output);

#endif
