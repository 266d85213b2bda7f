#include "cli/output_file.h"

#include "store/file.h"

#include <sys/stat.h>

static bool same_file(const char *path, const char *other)
{
    struct stat first, second;
    return stat(path, &first) == 0 && stat(other, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

enum status output_check(const struct output *output)
{
    const char *path = output->path;
    struct stat file;
    bool exists, ours = false;
    if (same_file(path, output->input))
        FAIL(STATUS_USAGE, "-o %s is the file that is read (%s); give the output another name", path,
             output->input);
    if (lstat(path, &file) == 0 && S_ISLNK(file.st_mode))
        FAIL(STATUS_USAGE, "-o %s is a symbolic link; give the name of the file itself", path);
    TRY(file_exists(path, &exists));
    if (!exists)
        return STATUS_OK;
    if (S_ISREG(file.st_mode))
        TRY(output->is_ours(path, &ours));
    if (!ours)
        FAIL(STATUS_USAGE,
             "%s exists already and is not %s of weightsweep, so it is not replaced; give another name with "
             "-o, or move that file away",
             path, output->kind);
    return STATUS_OK;
}
