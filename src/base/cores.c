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

// Number of physical cores in the affinity mask of this process. Hardware threads of one core count once.
static int allowed_cores(void)
{
    cpu_set_t allowed;
    bool counted[CPU_SETSIZE] = {false};
    int cores = 0;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) // more processors than CPU_SETSIZE
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

// CPU quota of a control group in cores; INFINITY if it has none.
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
        snprintf(path, sizeof path, "%s/cpu.max", folder); // "max 100000" means no quota
        read_numbers(path, "%lf %lf", &quota, &period);
    }
    return quota > 0 && period > 0 ? quota / period : INFINITY;
}

// Minimum quota of a control group and its ancestors.
static double min_quota(const char *root, char *group, bool version_1)
{
    double quota = INFINITY;
    for (;;) {
        char folder[2 * PATH];
        snprintf(folder, sizeof folder, "%s%s", root, group);
        quota = fmin(quota, group_quota(folder, version_1));
        char *slash = strrchr(group, '/');
        if (!slash)
            return quota;
        *slash = '\0';
    }
}

// CPU quota of this process in cores. /proc/self/cgroup has lines "0::/group" for version 2 and
// "4:cpu,cpuacct:/group" for version 1.
static double process_quota(void)
{
    FILE *file = fopen("/proc/self/cgroup", "r");
    double quota = INFINITY;
    char line[PATH];
    while (file && fgets(line, sizeof line, file)) {
        char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        *controllers++ = *group++ = '\0';
        group[strcspn(group, "\n")] = '\0';
        if (*controllers == '\0')
            quota = fmin(quota, min_quota("/sys/fs/cgroup", group, false));
        else if (strcmp(controllers, "cpu") == 0 || strncmp(controllers, "cpu,", 4) == 0)
            quota = fmin(quota, min_quota("/sys/fs/cgroup/cpu", group, true));
    }
    if (file)
        fclose(file);
    return quota;
}

int cores_available(void)
{
    double max = ceil(process_quota());
    int cores = allowed_cores();
    cores = cores > max ? (int)max : cores;
    return cores > 1 ? cores : 1;
}
