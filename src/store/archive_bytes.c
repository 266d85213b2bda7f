#include "store/archive_bytes.h"

#include "base/hash.h"
#include "base/memory.h"
#include "store/file.h"
#include "store/file_layout.h"
#include "store/h5.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIELDS = 2 };
_Static_assert(sizeof(struct archive_bytes) == FIELDS * sizeof(int64_t),
               "the struct is the dataset's content");

static const char place[] = LAYOUT_INTERNAL "/" LAYOUT_BYTES;

static enum status add_bytes(int fd, const char *path, int64_t from, int64_t to, uint32_t *crc)
{
    enum { BLOCK = 1 << 20 };
    enum status status = STATUS_OK;
    char *block = memory_small(BLOCK);
    for (; from < to && status == STATUS_OK; from += BLOCK) {
        size_t length = to - from < BLOCK ? (size_t)(to - from) : BLOCK;
        status = file_read(fd, path, "its bytes", block, length, from);
        *crc = hash_crc32(*crc, block, length);
    }
    free(block);
    return status;
}

static enum status compute(int fd, const char *path, int64_t offset, struct archive_bytes *bytes)
{
    struct stat file;
    uint32_t crc = 0;
    if (fstat(fd, &file) != 0)
        return file_open_failure(path, errno);
    TRY(add_bytes(fd, path, 0, offset, &crc));
    TRY(add_bytes(fd, path, offset + (int64_t)sizeof *bytes, file.st_size, &crc));
    *bytes = (struct archive_bytes){.size = file.st_size, .checksum = crc};
    return STATUS_OK;
}

enum status archive_bytes_create(hid_t file, const char *path, int64_t *offset)
{
    hid_t properties = h5_contiguous(), space = H5Screate_simple(1, (hsize_t[]){FIELDS}, NULL);
    hid_t dataset = H5Dcreate2(file, place, H5T_NATIVE_INT64, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    enum status status = dataset < 0 ? h5_write_failure(path, "an archive") : STATUS_OK;
    *offset = status == STATUS_OK ? (int64_t)H5Dget_offset(dataset) : 0;
    h5_close(&dataset);
    h5_close(&space);
    h5_close(&properties);
    return status;
}

enum status archive_bytes_write(const char *path, int64_t offset)
{
    struct archive_bytes bytes;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return file_write_failure(path, "an archive", errno);
    enum status status = compute(fd, path, offset, &bytes);
    if (status == STATUS_OK)
        status = file_write(fd, path, "an archive", &bytes, sizeof bytes, offset);
    close(fd);
    return status;
}

enum status archive_bytes_check(hid_t file, int fd, const char *path, bool *intact, bool *rewritten)
{
    enum status status = STATUS_OK;
    struct archive_bytes stored, found;
    hid_t dataset = H5Dopen2(file, place, H5P_DEFAULT);
    TRY_DONE(h5_expect(dataset, path, place, 1, (hsize_t[]){FIELDS}, H5T_INTEGER, sizeof(int64_t)));
    if (H5Dread(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &stored) < 0)
        TRY_DONE(h5_read_failure(path, place));
    haddr_t offset = H5Dget_offset(dataset);
    TRY_DONE(compute(fd, path, offset == HADDR_UNDEF ? 0 : (int64_t)offset, &found));
    bool same_size = found.size == stored.size, same_checksum = found.checksum == stored.checksum;
    *intact = same_size && same_checksum;
    *rewritten = !same_size && !same_checksum;
done:
    h5_close(&dataset);
    return status;
}
