#include "cli/model_file.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/output_file.h"
#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t count_of(const struct store_tensor *tensor)
{
    return (size_t)tensor->shape[0] * (size_t)(tensor->rank == 2 ? tensor->shape[1] : 1);
}

// Marker of files that this program wrote: the comment of a .npz, an entry in the metadata of a .safetensors.
#define MARK              "weightsweep model"
#define SAFETENSORS_BEGIN "{\"__metadata__\":{\"format\":\"pt\",\"made_by\":\"" MARK "\"}"

enum {
    MARK_LENGTH = sizeof MARK - 1,
    END_LENGTH = 22 // bytes of a zip's last record without the comment
};

static void add_integer(struct text *file, uint64_t value, int bytes)
{
    text_add_bytes(file, (const char *)&value, (size_t)bytes); // little-endian, as results files are
}

static void add_values(struct text *file, const struct store_parameters *parameters,
                       const struct store_tensor *tensor)
{
    text_add_bytes(file, (const char *)(parameters->values + tensor->offset),
                   count_of(tensor) * sizeof(float));
}

static void pad(struct text *file, size_t length, size_t multiple)
{
    for (; length % multiple; length++)
        text_add(file, " ");
}

// ---- .npz: a zip of uncompressed .npy files ----

// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, version 1.0
static void add_npy(struct text *file, const struct store_parameters *parameters,
                    const struct store_tensor *tensor)
{
    struct text header = {0};
    text_format(&header, "{'descr': '<f4', 'fortran_order': False, 'shape': (%lld,",
                (long long)tensor->shape[0]);
    if (tensor->rank == 2)
        text_format(&header, " %lld", (long long)tensor->shape[1]);
    text_add(&header, "), }");
    pad(&header, 10 + header.length + 1, 64); // align the values to 64 bytes
    text_add(&header, "\n");
    text_add_bytes(file, "\x93NUMPY\x01\x00", 8);
    add_integer(file, header.length, 2);
    text_add_bytes(file, header.chars, header.length);
    add_values(file, parameters, tensor);
    text_free(&header);
}

struct entry {
    char *name;
    uint32_t crc, bytes, offset;
};

// Adds the fields that a file's header and its directory entry share (PKWARE's APPNOTE, 4.4): method
// "stored", date 1 January 1980.
static void add_entry(struct text *zip, const struct entry *entry)
{
    const uint16_t version = 20, flags = 0, stored = 0, time = 0, date = 1 << 5 | 1;
    const uint16_t fields[] = {version, flags, stored, time, date};
    text_add_bytes(zip, (const char *)fields, sizeof fields);
    add_integer(zip, entry->crc, 4);
    add_integer(zip, entry->bytes, 4);
    add_integer(zip, entry->bytes, 4);
    add_integer(zip, strlen(entry->name), 2);
    add_integer(zip, 0, 2); // extra field: empty
}

static void add_directory(struct text *zip, const struct entry *entries, int count)
{
    size_t start = zip->length;
    for (int i = 0; i < count; i++) {
        text_add_bytes(zip, "PK\x01\x02", 4);
        add_integer(zip, 20, 2); // made by version 2.0
        add_entry(zip, &entries[i]);
        add_integer(zip, 0, 2); // no comment
        add_integer(zip, 0, 4); // first disk, not a text
        add_integer(zip, 0, 4); // no attributes
        add_integer(zip, entries[i].offset, 4);
        text_add(zip, entries[i].name);
    }
    size_t length = zip->length - start;
    text_add_bytes(zip, "PK\x05\x06\0\0\0\0", 8);
    add_integer(zip, (uint64_t)count, 2);
    add_integer(zip, (uint64_t)count, 2);
    add_integer(zip, length, 4);
    add_integer(zip, start, 4);
    add_integer(zip, MARK_LENGTH, 2);
    text_add(zip, MARK);
}

static void make_npz(struct text *zip, const struct store_parameters *parameters)
{
    const struct store_model *model = &parameters->model;
    struct entry *entries = memory_small((size_t)model->tensors * sizeof *entries);
    for (int i = 0; i < model->tensors; i++) {
        struct text npy = {0};
        add_npy(&npy, parameters, &model->tensor[i]);
        entries[i] =
            (struct entry){memory_format("%s.npy", model->tensor[i].name),
                           hash_crc32(0, npy.chars, npy.length), (uint32_t)npy.length, (uint32_t)zip->length};
        text_add_bytes(zip, "PK\x03\x04", 4);
        add_entry(zip, &entries[i]);
        text_add(zip, entries[i].name);
        text_add_bytes(zip, npy.chars, npy.length);
        text_free(&npy);
    }
    add_directory(zip, entries, model->tensors);
    for (int i = 0; i < model->tensors; i++)
        free(entries[i].name);
    free(entries);
}

// ---- .safetensors: length of the header, JSON header, values ----

static void make_safetensors(struct text *file, const struct store_parameters *parameters)
{
    const struct store_model *model = &parameters->model;
    struct text header = {0};
    size_t offset = 0;
    text_add(&header, SAFETENSORS_BEGIN);
    for (int i = 0; i < model->tensors; i++) {
        const struct store_tensor *tensor = &model->tensor[i];
        size_t end = offset + count_of(tensor) * sizeof(float);
        text_add(&header, ",");
        text_add_json(&header, tensor->name);
        text_format(&header, ":{\"dtype\":\"F32\",\"shape\":[%lld", (long long)tensor->shape[0]);
        if (tensor->rank == 2)
            text_format(&header, ",%lld", (long long)tensor->shape[1]);
        text_format(&header, "],\"data_offsets\":[%zu,%zu]}", offset, end);
        offset = end;
    }
    text_add(&header, "}");
    pad(&header, header.length, 8);
    add_integer(file, header.length, 8);
    text_add_bytes(file, header.chars, header.length);
    for (int i = 0; i < model->tensors; i++)
        add_values(file, parameters, &model->tensor[i]);
    text_free(&header);
}

// ---- both formats ----

// True if the file ends with a zip's last record whose comment is the marker.
static bool is_npz(int fd, off_t size)
{
    static const char begin[] = {'P', 'K', '\x05', '\x06'};
    enum { LENGTH = END_LENGTH + MARK_LENGTH };
    char end[LENGTH];
    return size > LENGTH && pread(fd, end, LENGTH, size - LENGTH) == LENGTH &&
           memcmp(end, begin, sizeof begin) == 0 && memcmp(end + END_LENGTH, MARK, MARK_LENGTH) == 0;
}

static bool is_safetensors(int fd, off_t size)
{
    enum { LENGTH = sizeof SAFETENSORS_BEGIN - 1, OFFSET = 8 };
    char begin[LENGTH];
    return size > OFFSET + LENGTH && pread(fd, begin, LENGTH, OFFSET) == LENGTH &&
           memcmp(begin, SAFETENSORS_BEGIN, LENGTH) == 0;
}

static const struct format {
    const char *ending, *kind;
    void (*make)(struct text *file, const struct store_parameters *parameters);
    bool (*is_ours)(int fd, off_t size);
} formats[] = {{".npz", "a .npz", make_npz, is_npz},
               {".safetensors", "a .safetensors", make_safetensors, is_safetensors}};

static const struct format *format_of(const char *path)
{
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof formats / sizeof *formats; i++)
        if (strcmp(dot, formats[i].ending) == 0)
            return &formats[i];
    return NULL;
}

static enum status is_ours(const char *path, bool *ours)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat file;
    if (fd < 0 && errno == EACCES)
        return STATUS_OK;
    if (fd < 0 || fstat(fd, &file) != 0)
        FAIL(STATUS_MACHINE, "cannot read %s: %s", path, strerror(errno));
    *ours = format_of(path)->is_ours(fd, file.st_size);
    close(fd);
    return STATUS_OK;
}

enum status model_file_check(const char *path, const char *results)
{
    const struct format *format = format_of(path);
    if (!format)
        FAIL(STATUS_USAGE, "export --model -o %s: expected a name that ends in .npz or .safetensors", path);
    return output_check(
        &(struct output){.path = path, .input = results, .kind = format->kind, .is_ours = is_ours});
}

static enum status write_file(const char *part, const void *context)
{
    const struct text *bytes = context;
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return file_write_failure(part, "a model", errno);
    enum status status = file_write(fd, part, "a model", bytes->chars, bytes->length, 0);
    close(fd);
    return status;
}

enum status model_file_write(const char *path, const struct store_parameters *parameters)
{
    if (parameters->count > UINT32_MAX / 8) // sizes in a zip have 32 bits
        FAIL(STATUS_USAGE, "export --model: %zu parameters; such a file holds at most %u", parameters->count,
             UINT32_MAX / 8);
    struct text bytes = {0};
    format_of(path)->make(&bytes, parameters);
    enum status status = file_create(path, "a model", write_file, &bytes);
    text_free(&bytes);
    return status;
}
