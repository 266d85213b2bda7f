/* For tests under valgrind, a library to be named in LD_PRELOAD: a program that spawns itself as
 * /proc/self/exe would get valgrind instead of itself, so it gets the one that SPAWN_PROGRAM names. */
#include <dlfcn.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>

typedef int spawn_function(pid_t *, const char *, const posix_spawn_file_actions_t *,
                           const posix_spawnattr_t *, char *const[], char *const[]);

int posix_spawn(pid_t *child, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[])
{
    spawn_function *next;
    *(void **)&next = dlsym(RTLD_NEXT, "posix_spawn");
    const char *program = getenv("SPAWN_PROGRAM");
    return next(child, program && strcmp(path, "/proc/self/exe") == 0 ? program : path, actions, attributes,
                arguments, environment);
}
