#include "kernel/gemm_onednn.h"

#include "kernel/onednn.h"

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
    dnnl_primitive_t primitive;      // NULL: free
    dnnl_memory_t memory[ARGUMENTS]; // A, B, C
    bool reference; // oneDNN has only its reference kernel, a thousand times slower than the others
};

static dnnl_engine_t engine;
static dnnl_stream_t stream;
static struct product products[SLOTS];
static int used;

// How a right-hand operand of one shape is packed, from [k, n] and from [n, k].
struct packing {
    int n, k, bf16;
    layout layout;
    dnnl_primitive_t reorder[2]; // NULL: free
    dnnl_memory_t from[2], to;
};

static struct packing packings[PACKINGS];

bool gemm_onednn_setup(void)
{
    omp_set_num_threads(1);
    must(dnnl_engine_create(&engine, dnnl_cpu, 0));
    must(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags));
    return true;
}

static layout matrix(int rows, int columns, int ld, bool transposed, bool bf16)
{
    dnnl_dims_t shape = {rows, columns}, strides = {transposed ? 1 : ld, transposed ? ld : 1};
    return layout_strided(bf16 ? dnnl_bf16 : dnnl_f32, shape, strides);
}

static const struct packing *packing_of(int n, int k, bool bf16);

static layout weights(const struct gemm_shape *shape, bool bf16)
{
    if (shape->packed)
        return packing_of(shape->n, shape->k, bf16)->layout;
    return matrix(shape->k, shape->n, shape->ldb, shape->transpose_b, bf16);
}

/* NULL where oneDNN has no kernel. `memory`, where not NULL, receives the memory objects of A, B and C. */
static dnnl_primitive_desc_t describe(const struct gemm_shape *shape, dnnl_memory_t *memory)
{
    bool bf16 = shape->numbers != GEMM_FP32;
    const layout operand[ARGUMENTS] = {
        matrix(shape->m, shape->k, shape->lda, shape->transpose_a, bf16), weights(shape, bf16),
        matrix(shape->m, shape->n, shape->ldc, false, shape->numbers == GEMM_BF16)};
    dnnl_primitive_attr_t attributes;
    dnnl_post_ops_t after;
    must(dnnl_primitive_attr_create(&attributes));
    if (shape->add) {
        must(dnnl_post_ops_create(&after));
        append_sum(after);
        must(dnnl_primitive_attr_set_post_ops(attributes, after));
        dnnl_post_ops_destroy(after);
    }
    dnnl_primitive_desc_t description = matmul_describe(engine, operand, attributes);
    dnnl_primitive_attr_destroy(attributes);
    for (int i = 0; i < ARGUMENTS; i++) {
        if (memory)
            must(dnnl_memory_create(&memory[i], operand[i], engine, DNNL_MEMORY_NONE));
        if (i != 1 || !shape->packed) // packings[] owns the layouts of packed matrices
            layout_destroy(operand[i]);
    }
    return description;
}

static const char *kernel_name(const_dnnl_primitive_desc_t description)
{
    const char *name = "";
    dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, &name);
    return name;
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
    dnnl_primitive_desc_t description = describe(&shape, NULL);
    name[0] = '\0';
    if (!description)
        return;
    const dnnl_version_t *version = dnnl_version();
    snprintf(name, (size_t)size, "%d.%d.%d %s", version->major, version->minor, version->patch,
             kernel_name(description));
    dnnl_primitive_desc_destroy(description);
}

// ---- packing ----

// The order that the kernel for many rows asks for. The plain order where that kernel's blocks would not be
// full, or would need more memory than gemm_packed_elements() says.
static layout packed_layout(int n, int k, bool bf16)
{
    enum { ROWS = 256 };
    layout plain = matrix(k, n, n, false, bf16);
    if (n % BLOCK !=
        0) // oneDNN 2.6 then has only its reference kernel for other numbers of rows, a thousand times slower
        return plain;
    const layout operand[ARGUMENTS] = {matrix(ROWS, k, k, false, bf16),
                                       layout_any(bf16 ? dnnl_bf16 : dnnl_f32, (dnnl_dims_t){k, n}),
                                       matrix(ROWS, n, n, false, bf16)};
    dnnl_primitive_desc_t description = matmul_describe(engine, operand, NULL);
    layout wanted = layout_of_weights(description);
    dnnl_primitive_desc_destroy(description);
    for (int i = 0; i < ARGUMENTS; i++)
        layout_destroy(operand[i]);
    size_t room = gemm_packed_elements(n, k) * (bf16 ? sizeof(uint16_t) : sizeof(float));
    bool fits = dnnl_memory_desc_get_size(wanted) <= room;
    layout_destroy(fits ? plain : wanted);
    return fits ? wanted : plain;
}

static void forget_packings(void)
{
    for (int i = 0; i < PACKINGS && packings[i].to; i++) {
        for (int transposed = 0; transposed < 2; transposed++) {
            dnnl_memory_destroy(packings[i].from[transposed]);
            dnnl_primitive_destroy(packings[i].reorder[transposed]);
        }
        dnnl_memory_destroy(packings[i].to);
        layout_destroy(packings[i].layout);
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
    must(dnnl_memory_create(&packing->to, packing->layout, engine, DNNL_MEMORY_NONE));
    for (int transposed = 0; transposed < 2; transposed++) {
        layout plain = matrix(k, n, transposed ? k : n, transposed, bf16);
        dnnl_primitive_desc_t description;
        must(dnnl_reorder_primitive_desc_create(&description, plain, engine, packing->layout, engine, NULL));
        must(dnnl_primitive_create(&packing->reorder[transposed], description));
        must(dnnl_memory_create(&packing->from[transposed], plain, engine, DNNL_MEMORY_NONE));
        layout_destroy(plain);
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
        for (int argument = 0; argument < ARGUMENTS; argument++)
            dnnl_memory_destroy(products[i].memory[argument]);
        dnnl_primitive_destroy(products[i].primitive);
    }
    memset(products, 0, sizeof products);
    used = 0;
}

static void make(struct product *product, const struct gemm_shape *shape)
{
    dnnl_primitive_desc_t description = describe(shape, product->memory);
    must(description ? dnnl_success : dnnl_unimplemented);
    product->shape = *shape;
    product->reference = strncmp(kernel_name(description), "ref", 3) == 0;
    must(dnnl_primitive_create(&product->primitive, description));
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

static void execute(const struct product *product, const void *a, const void *b, void *c)
{
    // oneDNN's handles are not const; it does not write to sources.
    must(dnnl_memory_set_data_handle(product->memory[0], (void *)a));
    must(dnnl_memory_set_data_handle(product->memory[1], (void *)b));
    must(dnnl_memory_set_data_handle(product->memory[2], c));
    const dnnl_exec_arg_t arguments[ARGUMENTS] = {{DNNL_ARG_SRC, product->memory[0]},
                                                  {DNNL_ARG_WEIGHTS, product->memory[1]},
                                                  {DNNL_ARG_DST, product->memory[2]}};
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

// With a packed B oneDNN 2.6 has only its reference kernel for such rows; oneDNN 3.7 has better ones.
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
    execute(find(&dense), a, b, dense_c);
    if (dense_c != c)
        copy_rows(c, shape->ldc, dense_c, shape->n, shape->m, shape->n, to);
}

void gemm_onednn(const struct gemm_shape *shape, const void *a, const void *b, void *c)
{
    const struct product *product = find(shape);
    bool dense = shape->lda == shape->k && shape->ldc == shape->n;
    if (product->reference && shape->packed && !dense)
        execute_dense(shape, a, b, c);
    else
        execute(product, a, b, c);
}
