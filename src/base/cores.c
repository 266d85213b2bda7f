#include "base/cores.h"

#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH = 512 };

static bool read_numbers(const char *path, const char *format, double *a, double *b)
{
    FILE *file = fopen(path, "r");
    int found = file ? fscanf(file, format, a, b) : 0;
    if (file)
        fclose(file);
    return found >= 1;
}

// Physical cores among the processors that this process may be scheduled on: of a core's hardware threads the
// first that is allowed counts.
static int allowed_cores(void)
{
    cpu_set_t allowed;
    bool counted[CPU_SETSIZE] = {false};
    int cores = 0;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) // more processors than a cpu_set_t holds
        return (int)sysconf(_SC_NPROCESSORS_ONLN);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        char path[PATH];
        double first = cpu, ignored;
        if (!CPU_ISSET(cpu, &allowed))
            continue;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
        read_numbers(path, "%lf", &first, &ignored);
        int core = first >= 0 && first < CPU_SETSIZE ? (int)first : cpu;
        cores += !counted[core];
        counted[core] = true;
    }
    return cores;
}

// The CPU quota of a control group, in cores; infinite where it has none.
static double group_quota(const char *folder, bool version_1)
{
    char path[3 * PATH];
    double quota = -1, period = 0, ignored;
    if (version_1) {
        snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
        read_numbers(path, "%lf", &quota, &ignored);
        snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
        read_numbers(path, "%lf", &period, &ignored);
    } else {
        snprintf(path, sizeof path, "%s/cpu.max", folder); // "max 100000" where there is none
        read_numbers(path, "%lf %lf", &quota, &period);
    }
    return quota > 0 && period > 0 ? quota / period : INFINITY;
}

// The smallest quota of the group and the groups that it is in.
static double quota_above(const char *root, char *group, bool version_1)
{
    double least = INFINITY;
    for (;;) {
        char folder[2 * PATH];
        snprintf(folder, sizeof folder, "%s%s", root, group);
        least = fmin(least, group_quota(folder, version_1));
        char *slash = strrchr(group, '/');
        if (!slash)
            return least;
        *slash = '\0';
    }
}

// Lines "0::/group" in version 2, "4:cpu,cpuacct:/group" in version 1.
static double quota(void)
{
    FILE *file = fopen("/proc/self/cgroup", "r");
    double least = INFINITY;
    char line[PATH];
    while (file && fgets(line, sizeof line, file)) {
        char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        *controllers++ = *group++ = '\0';
        group[strcspn(group, "\n")] = '\0';
        if (*controllers == '\0')
            least = fmin(least, quota_above("/sys/fs/cgroup", group, false));
        else if (strcmp(controllers, "cpu") == 0 || strncmp(controllers, "cpu,", 4) == 0)
            least = fmin(least, quota_above("/sys/fs/cgroup/cpu", group, true));
    }
    if (file)
        fclose(file);
    return least;
}

int cores_available(void)
{
    double most = ceil(quota());
    int cores = allowed_cores();
    cores = cores > most ? (int)most : cores;
    return cores > 1 ? cores : 1;
}
