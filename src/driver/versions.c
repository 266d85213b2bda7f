#include "driver/versions.h"

#include "base/memory.h"
#include "kernel/gemm.h"
#include "kernel/numerics.h"
#include "store/store.h"

#include <cjson/cJSON.h>
#include <mpi.h>
#include <revision.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { VERSIONS = 9 };

struct version {
    const char *key, *name;
    char *value;
};

// Open MPI ends its long line of build details with a comma after the version.
static char *mpi_version(void)
{
    char version[MPI_MAX_LIBRARY_VERSION_STRING];
    int length;
    MPI_Get_library_version(version, &length);
    version[strcspn(version, ",\n")] = '\0';
    return memory_text(version);
}

const char *versions_numerics(enum precision precision)
{
    return precision == PRECISION_FP32 ? "arithmetic" : "arithmetic_bf16";
}

static void collect(struct version version[VERSIONS])
{
    int i = 0;
    version[i++] = (struct version){"weightsweep", "weightsweep", memory_text(versions_program())};
    version[i++] = (struct version){versions_numerics(PRECISION_FP32), "arithmetic",
                                    memory_text(numerics_name(PRECISION_FP32))};
    version[i++] = (struct version){versions_numerics(PRECISION_BF16), "in bf16",
                                    memory_text(numerics_name(PRECISION_BF16))};
    version[i++] = (struct version){"processor", "processor", memory_text(numerics_processor())};
    version[i++] = (struct version){"gemm", "gemm libraries", memory_text(gemm_libraries())};
    version[i++] = (struct version){"flags", "compiled with", memory_text(COMPILER_FLAGS)};
    version[i++] = (struct version){"mpi", "MPI", mpi_version()};
    version[i++] = (struct version){"hdf5", "HDF5", store_library()};
    version[i++] = (struct version){"yaml", "libyaml", memory_text(yaml_get_version_string())};
}

static void release(struct version version[VERSIONS])
{
    for (int i = 0; i < VERSIONS; i++)
        free(version[i].value);
}

const char *versions_program(void)
{
    return VERSION " " REVISION;
}

char *versions_json(void)
{
    struct version version[VERSIONS];
    struct text text = {0};
    collect(version);
    for (int i = 0; i < VERSIONS; i++) {
        text_add(&text, i == 0 ? "{" : ", ");
        text_add_json(&text, version[i].key);
        text_add(&text, ": ");
        text_add_json(&text, version[i].value);
    }
    text_add(&text, "}");
    release(version);
    return text_take(&text);
}

char *versions_find(const char *json, const char *key)
{
    cJSON *versions = cJSON_Parse(json);
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(versions, key));
    char *found = memory_text(value ? value : "");
    cJSON_Delete(versions);
    return found;
}

void versions_print(struct text *text)
{
    struct version version[VERSIONS];
    collect(version);
    for (int i = 0; i < VERSIONS; i++)
        text_format(text, "%-14s %s\n", version[i].name, version[i].value);
    release(version);
}
