#include "store/frozen.h"

#include "base/hash.h"
#include "base/memory.h"
#include "store/file.h"
#include "store/h5.h"
#include "store/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIELDS = 3 };
_Static_assert(sizeof(struct frozen_piece) == FIELDS * sizeof(int64_t), "a piece is a row of the dataset");

void frozen_except(struct frozen *frozen, hid_t dataset)
{
    frozen->holes = memory_grow(frozen->holes, (size_t)(frozen->count + 1) * sizeof *frozen->holes);
    frozen->holes[frozen->count++] = (struct frozen_piece){.offset = (int64_t)H5Dget_offset(dataset),
                                                           .length = (int64_t)H5Dget_storage_size(dataset)};
}

void frozen_free(struct frozen *frozen)
{
    free(frozen->holes);
    *frozen = (struct frozen){0};
}

herr_t frozen_create(struct frozen *frozen, hid_t file, int64_t *place)
{
    hsize_t shape[2] = {(hsize_t)frozen->count + 2,
                        FIELDS}; // before, between and after the holes and this dataset
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(2, shape, NULL), dataset = 0;
    H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY);
    hid_t group = H5Gcreate2(file, LAYOUT_INTERNAL, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (group >= 0)
        dataset =
            H5Dcreate2(group, LAYOUT_FROZEN, H5T_NATIVE_INT64, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    herr_t result = group < 0 || dataset < 0 ? -1 : 0;
    if (result == 0) {
        *place = (int64_t)H5Dget_offset(dataset);
        frozen_except(frozen, dataset);
    }
    h5_close(&dataset);
    h5_close(&group);
    h5_close(&space);
    h5_close(&properties);
    return result;
}

static enum status sum_piece(int fd, const char *path, const struct frozen_piece *piece, int64_t *sum)
{
    enum { BLOCK = 1 << 16 };
    enum status status = STATUS_OK;
    unsigned char *block = memory_small(BLOCK);
    uint32_t crc = 0;
    for (int64_t done = 0; done < piece->length;) {
        size_t length = piece->length - done < BLOCK ? (size_t)(piece->length - done) : BLOCK;
        TRY_DONE(file_read(fd, path, "its settings", block, length, (off_t)(piece->offset + done)));
        crc = hash_crc32(crc, block, length);
        done += (int64_t)length;
    }
    *sum = crc;
done:
    free(block);
    return status;
}

static int by_offset(const void *a, const void *b)
{
    const struct frozen_piece *left = a, *right = b;
    return (left->offset > right->offset) - (left->offset < right->offset);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

enum status frozen_seal(struct frozen *frozen, int fd, const char *path, int64_t end, int64_t place)
{
    enum status status = STATUS_OK;
    int count = frozen->count + 1;
    struct frozen_piece *pieces = memory_small((size_t)count * sizeof *pieces);
    qsort(frozen->holes, (size_t)frozen->count, sizeof *frozen->holes, by_offset);
    int64_t start = 0;
    for (int i = 0; i < count; i++) {
        const struct frozen_piece *hole =
            i < frozen->count ? &frozen->holes[i] : &(struct frozen_piece){end, 0, 0};
        pieces[i] = (struct frozen_piece){.offset = start, .length = least(hole->offset, end) - start};
        TRY_DONE(sum_piece(fd, path, &pieces[i], &pieces[i].crc));
        start = least(hole->offset + hole->length, end);
    }
    TRY_DONE(
        file_write(fd, path, "a new results file", pieces, (size_t)count * sizeof *pieces, (off_t)place));
done:
    free(pieces);
    return status;
}

static enum status read_pieces(hid_t file, int fd, const char *path, struct frozen_piece **pieces, int *count)
{
    static const char name[] = LAYOUT_INTERNAL "/" LAYOUT_FROZEN;
    enum status status = STATUS_OK;
    hsize_t shape[2] = {0, FIELDS};
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT), space = dataset < 0 ? dataset : H5Dget_space(dataset);
    if (space > 0 && H5Sget_simple_extent_ndims(space) == 2)
        H5Sget_simple_extent_dims(space, shape, NULL);
    shape[1] = FIELDS;
    TRY_DONE(h5_expect(dataset, path, name, 2, shape, H5T_INTEGER, sizeof(int64_t)));
    *count = (int)shape[0];
    *pieces = memory_small((size_t)*count * sizeof **pieces);
    TRY_DONE(h5_read_bytes(dataset, fd, path, name, 0, *pieces, (size_t)*count * sizeof **pieces));
done:
    h5_close(&space);
    h5_close(&dataset);
    return status;
}

enum status frozen_check(hid_t file, const char *path)
{
    enum status status = STATUS_OK;
    struct frozen_piece *pieces = NULL;
    int count = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        FAIL(STATUS_RESULTS, "%s: %s", path, strerror(errno));
    TRY_DONE(read_pieces(file, fd, path, &pieces, &count));
    for (int i = 0; i < count; i++) {
        int64_t sum = CHECKSUM_NONE;
        if (pieces[i].offset >= 0 && pieces[i].length >= 0)
            TRY_DONE(sum_piece(fd, path, &pieces[i], &sum));
        if (sum != pieces[i].crc)
            FAIL_DONE(STATUS_RESULTS,
                      "%s is damaged: its settings do not match their checksum (bytes %lld to %lld)", path,
                      (long long)pieces[i].offset, (long long)(pieces[i].offset + pieces[i].length));
    }
done:
    free(pieces);
    close(fd);
    return status;
}
