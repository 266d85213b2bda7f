// Gives a fuzz target every file of its corpus, with any compiler: FUZZ_TARGET FOLDER.
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { LARGEST = 1 << 20 };

static int replay(const char *folder, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *stream = fopen(path, "rb");
    uint8_t *bytes = malloc(LARGEST);
    if (!stream || !bytes) {
        perror(path);
        exit(1);
    }
    size_t size = fread(bytes, 1, LARGEST, stream);
    fclose(stream);
    uint8_t *exact = malloc(size + 1); // so that reading past the end is seen
    for (size_t i = 0; exact && i < size; i++)
        exact[i] = bytes[i];
    free(bytes);
    int result = exact ? LLVMFuzzerTestOneInput(exact, size) : 1;
    free(exact);
    return result;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    int count = 0, failed = 0;
    if (!folder) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    for (const struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.') {
            failed += replay(argv[1], entry->d_name) != 0;
            count++;
        }
    closedir(folder);
    printf("%d inputs\n", count);
    return failed > 0 || count == 0;
}
