#include "kernel/gemm_onednn.h"

#include "base/memory.h"

#include <assert.h>
#include <dnnl.h>
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
    SLOTS = 512,
    PACKINGS = 64,
    BLOCK = 64, // columns of a packed matrix
    ARGUMENTS = 3
}; // more shapes than a run has; when they are full, all are made anew

struct product {
    struct gemm_shape shape;
    dnnl_primitive_t primitive; // NULL: free
    dnnl_memory_t a, b, c;
};

static dnnl_engine_t engine;
static dnnl_stream_t stream;
static struct product products[SLOTS];
static int used;

// How a right-hand operand of one shape is packed, from [k, n] and from [n, k].
struct packing {
    int n, k, bf16;
    dnnl_memory_desc_t layout;
    dnnl_primitive_t reorder[2]; // NULL: free
    dnnl_memory_t from[2], to;
};

static struct packing packings[PACKINGS];

// A shape that oneDNN cannot do is a mistake of this program, found by its tests; going on would give wrong numbers.
static void must(dnnl_status_t status)
{
    assert(status == dnnl_success);
    (void)status;
}

bool gemm_onednn_setup(void)
{
    omp_set_num_threads(1);
    must(dnnl_engine_create(&engine, dnnl_cpu, 0));
    must(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags));
    return true;
}

static dnnl_memory_desc_t matrix(int rows, int columns, int ld, bool transposed, bool bf16)
{
    dnnl_memory_desc_t description;
    dnnl_dims_t shape = {rows, columns}, strides = {transposed ? 1 : ld, transposed ? ld : 1};
    must(dnnl_memory_desc_init_by_strides(&description, 2, shape, bf16 ? dnnl_bf16 : dnnl_f32, strides));
    return description;
}

static const struct packing *packing_of(int n, int k, bool bf16);

static dnnl_primitive_desc_t describe(const struct gemm_shape *shape, dnnl_memory_desc_t memory[ARGUMENTS])
{
    bool bf16 = shape->numbers != GEMM_FP32;
    memory[0] = matrix(shape->m, shape->k, shape->lda, shape->transpose_a, bf16);
    memory[1] = shape->packed ? packing_of(shape->n, shape->k, bf16)->layout
                              : matrix(shape->k, shape->n, shape->ldb, shape->transpose_b, bf16);
    memory[2] = matrix(shape->m, shape->n, shape->ldc, false, shape->numbers == GEMM_BF16);
    dnnl_matmul_desc_t operation;
    dnnl_primitive_attr_t attributes;
    dnnl_post_ops_t after;
    dnnl_primitive_desc_t description = NULL;
    must(dnnl_matmul_desc_init(&operation, &memory[0], &memory[1], NULL, &memory[2]));
    must(dnnl_primitive_attr_create(&attributes));
    if (shape->add) {
        must(dnnl_post_ops_create(&after));
        must(dnnl_post_ops_append_sum(after, 1));
        must(dnnl_primitive_attr_set_post_ops(attributes, after));
        dnnl_post_ops_destroy(after);
    }
    dnnl_primitive_desc_create(&description, &operation, attributes, engine,
                               NULL); // NULL stays if there is no kernel
    dnnl_primitive_attr_destroy(attributes);
    return description;
}

void gemm_onednn_name(enum precision operands, char *name, int size)
{
    int side = 64;
    struct gemm_shape shape = {.numbers = operands == PRECISION_BF16 ? GEMM_BF16_FP32 : GEMM_FP32,
                               .m = side,
                               .n = side,
                               .k = side,
                               .lda = side,
                               .ldb = side,
                               .ldc = side};
    dnnl_memory_desc_t memory[ARGUMENTS];
    dnnl_primitive_desc_t description = describe(&shape, memory);
    const char *kernel = "";
    name[0] = '\0';
    if (!description)
        return;
    dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, &kernel);
    const dnnl_version_t *version = dnnl_version();
    snprintf(name, (size_t)size, "%d.%d.%d %s", version->major, version->minor, version->patch, kernel);
    dnnl_primitive_desc_destroy(description);
}

// ---- packing ----

// The order that the kernel for many rows asks for; the plain one if its blocks would not be full, or need more room than the caller
// has.
static dnnl_memory_desc_t packed_layout(int n, int k, bool bf16)
{
    enum { ROWS = 256 };
    dnnl_data_type_t type = bf16 ? dnnl_bf16 : dnnl_f32;
    dnnl_memory_desc_t a = matrix(ROWS, k, k, false, bf16), c = matrix(ROWS, n, n, false, bf16), b;
    dnnl_memory_desc_t plain = matrix(k, n, n, false, bf16);
    dnnl_matmul_desc_t operation;
    dnnl_primitive_desc_t description = NULL;
    must(dnnl_memory_desc_init_by_tag(&b, 2, (dnnl_dims_t){k, n}, type, dnnl_format_tag_any));
    must(dnnl_matmul_desc_init(&operation, &a, &b, NULL, &c));
    must(dnnl_primitive_desc_create(&description, &operation, NULL, engine, NULL));
    b = *dnnl_primitive_desc_query_md(description, dnnl_query_weights_md, 0);
    dnnl_primitive_desc_destroy(description);
    // With a block that is not full, oneDNN 2.6 has no kernel for other numbers of rows but its reference, a thousand times slower.
    if (n % BLOCK != 0)
        return plain;
    size_t room = gemm_packed_room(n, k) * (bf16 ? sizeof(uint16_t) : sizeof(float));
    return dnnl_memory_desc_get_size(&b) <= room ? b : plain;
}

static void forget_packings(void)
{
    for (int i = 0; i < PACKINGS && packings[i].to; i++) {
        for (int transposed = 0; transposed < 2; transposed++) {
            dnnl_memory_destroy(packings[i].from[transposed]);
            dnnl_primitive_destroy(packings[i].reorder[transposed]);
        }
        dnnl_memory_destroy(packings[i].to);
    }
    memset(packings, 0, sizeof packings);
}

static const struct packing *packing_of(int n, int k, bool bf16)
{
    int i = 0;
    for (; i < PACKINGS && packings[i].to; i++)
        if (packings[i].n == n && packings[i].k == k && packings[i].bf16 == bf16)
            return &packings[i];
    if (i == PACKINGS) {
        forget_packings();
        i = 0;
    }
    struct packing *packing = &packings[i];
    packing->n = n, packing->k = k, packing->bf16 = bf16;
    packing->layout = packed_layout(n, k, bf16);
    must(dnnl_memory_create(&packing->to, &packing->layout, engine, DNNL_MEMORY_NONE));
    for (int transposed = 0; transposed < 2; transposed++) {
        dnnl_memory_desc_t plain = matrix(k, n, transposed ? k : n, transposed, bf16);
        dnnl_primitive_desc_t description;
        must(
            dnnl_reorder_primitive_desc_create(&description, &plain, engine, &packing->layout, engine, NULL));
        must(dnnl_primitive_create(&packing->reorder[transposed], description));
        must(dnnl_memory_create(&packing->from[transposed], &plain, engine, DNNL_MEMORY_NONE));
        dnnl_primitive_desc_destroy(description);
    }
    return packing;
}

void gemm_onednn_pack(enum precision operands, int n, int k, const void *b, bool transposed, void *packed)
{
    const struct packing *packing = packing_of(n, k, operands == PRECISION_BF16);
    must(dnnl_memory_set_data_handle(packing->from[transposed], (void *)b));
    must(dnnl_memory_set_data_handle(packing->to, packed));
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, packing->from[transposed]},
                                         {DNNL_ARG_TO, packing->to}};
    must(dnnl_primitive_execute(packing->reorder[transposed], stream, 2, arguments));
}

// ---- products ----

static void forget_all(void)
{
    for (int i = 0; i < SLOTS; i++) {
        if (!products[i].primitive)
            continue;
        dnnl_memory_destroy(products[i].a);
        dnnl_memory_destroy(products[i].b);
        dnnl_memory_destroy(products[i].c);
        dnnl_primitive_destroy(products[i].primitive);
    }
    memset(products, 0, sizeof products);
    used = 0;
}

static void make(struct product *product, const struct gemm_shape *shape)
{
    dnnl_memory_desc_t memory[ARGUMENTS];
    dnnl_primitive_desc_t description = describe(shape, memory);
    must(description ? dnnl_success : dnnl_unimplemented);
    product->shape = *shape;
    must(dnnl_primitive_create(&product->primitive, description));
    must(dnnl_memory_create(&product->a, &memory[0], engine, DNNL_MEMORY_NONE));
    must(dnnl_memory_create(&product->b, &memory[1], engine, DNNL_MEMORY_NONE));
    must(dnnl_memory_create(&product->c, &memory[2], engine, DNNL_MEMORY_NONE));
    dnnl_primitive_desc_destroy(description);
}

static unsigned hash(const struct gemm_shape *shape)
{
    unsigned sum = 0;
    const int *field = (const int *)shape;
    for (size_t i = 0; i < sizeof *shape / sizeof *field; i++)
        sum = (sum ^ (unsigned)field[i]) * 0x9e3779b1u;
    return sum >> 16;
}

static struct product *find(const struct gemm_shape *shape)
{
    for (unsigned i = hash(shape);; i++) {
        struct product *product = &products[i % SLOTS];
        if (product->primitive && memcmp(&product->shape, shape, sizeof *shape) == 0)
            return product;
        if (product->primitive)
            continue;
        if (used >= SLOTS / 2) { // crowded
            forget_all();
            return find(shape);
        }
        used++;
        make(product, shape);
        return product;
    }
}

static void execute(const struct gemm_shape *shape, const void *a, const void *b, void *c)
{
    struct product *product = find(shape);
    // oneDNN's handles are not const; it does not write to sources.
    must(dnnl_memory_set_data_handle(product->a, (void *)a));
    must(dnnl_memory_set_data_handle(product->b, (void *)b));
    must(dnnl_memory_set_data_handle(product->c, c));
    const dnnl_exec_arg_t arguments[ARGUMENTS] = {
        {DNNL_ARG_SRC, product->a}, {DNNL_ARG_WEIGHTS, product->b}, {DNNL_ARG_DST, product->c}};
    must(dnnl_primitive_execute(product->primitive, stream, ARGUMENTS, arguments));
}

// ---- packed, with rows that are further apart than they are long ----

static void copy_rows(void *to, int to_ld, const void *from, int from_ld, int rows, int columns,
                      size_t number)
{
    for (size_t row = 0; row < (size_t)rows; row++)
        memcpy((char *)to + row * (size_t)to_ld * number, (const char *)from + row * (size_t)from_ld * number,
               (size_t)columns * number);
}

// Room for a dense matrix; grows to the largest and stays.
static void *dense_room(int which, size_t bytes)
{
    static void *room[2];
    static size_t size[2];
    if (bytes > size[which]) {
        room[which] = memory_grow(room[which], bytes);
        size[which] = bytes;
    }
    return room[which];
}

// With a packed B oneDNN 2.6 has no kernel for such rows but its reference, a thousand times slower than copying.
static void execute_dense(const struct gemm_shape *shape, const void *a, const void *b, void *c)
{
    struct gemm_shape dense = *shape;
    size_t from = shape->numbers == GEMM_FP32 ? sizeof(float) : sizeof(uint16_t),
           to = shape->numbers == GEMM_BF16 ? sizeof(uint16_t) : sizeof(float);
    void *dense_c = c;
    dense.lda = shape->k, dense.ldc = shape->n;
    if (shape->lda != shape->k) {
        void *room = dense_room(0, (size_t)shape->m * (size_t)shape->k * from);
        copy_rows(room, shape->k, a, shape->lda, shape->m, shape->k, from);
        a = room;
    }
    if (shape->ldc != shape->n)
        dense_c = dense_room(1, (size_t)shape->m * (size_t)shape->n * to);
    execute(&dense, a, b, dense_c);
    if (dense_c != c)
        copy_rows(c, shape->ldc, dense_c, shape->n, shape->m, shape->n, to);
}

void gemm_onednn(const struct gemm_shape *shape, const void *a, const void *b, void *c)
{
    bool dense = shape->lda == shape->k && shape->ldc == shape->n;
    if (shape->packed && !dense && shape->n % BLOCK == 0)
        execute_dense(shape, a, b, c);
    else
        execute(shape, a, b, c);
}
