/* Output file of a subcommand. An existing file is replaced only if it has the marker of this program for the
 * kind of file that the subcommand writes. */
#ifndef CLI_OUTPUT_FILE_H
#define CLI_OUTPUT_FILE_H

#include "base/status.h"

#include <stdbool.h>

struct output {
    const char *path;
    const char *input; // the file that the subcommand reads
    const char *kind;  // for messages, such as "an archive"
    /* Sets *ours to true if the existing regular file has the marker. */
    enum status (*is_ours)(const char *path, bool *ours);
};

/* STATUS_OK if no file has the output's name, or an earlier output of the same kind. STATUS_USAGE for any
 * other file, for the input file under any name, for a folder, for a symbolic link (renaming the new file
 * would replace the link), and for a name in which no file can be created. */
enum status output_check(const struct output *output);

#endif
