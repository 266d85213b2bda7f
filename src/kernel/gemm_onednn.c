#include "kernel/gemm_onednn.h"

#include "kernel/onednn.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>

// Cache sizes exceed the number of shapes of a run. A full cache is cleared.
enum {
    SLOTS = 512,
    PACKINGS = 64,
    BLOCK = 64, // columns per block of a packed matrix
    ARGUMENTS = 3
};

// The GEMM that a primitive computes. Members are int: the struct has no padding and is compared as bytes.
struct gemm_shape {
    int operands, fp32_result, m, n, k, lda, ldb, ldc, transpose_a, transpose_b, add, packed;
};

struct matmul {
    struct gemm_shape shape;
    dnnl_primitive_t primitive;      // NULL: unused
    dnnl_memory_t memory[ARGUMENTS]; // A, B, C
    bool reference;                  // oneDNN has only its reference kernel, a thousand times slower
};

static dnnl_engine_t engine;
static dnnl_stream_t stream;
static struct matmul matmuls[SLOTS];
static int used;

// Packing of right-hand operands of one shape, from [k, n] and from [n, k].
struct packing {
    enum precision precision;
    int n, k;
    layout layout;
    dnnl_primitive_t reorder[2]; // NULL: unused
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

static dnnl_data_type_t type_of(enum precision precision)
{
    return precision == PRECISION_FP32 ? dnnl_f32 : dnnl_bf16;
}

static layout matrix(enum precision precision, int rows, int columns, int ld, bool transposed)
{
    dnnl_dims_t shape = {rows, columns}, strides = {transposed ? 1 : ld, transposed ? ld : 1};
    return layout_strided(type_of(precision), shape, strides);
}

static const struct packing *packing_of(enum precision precision, int n, int k);

static layout weights(const struct gemm_shape *shape)
{
    if (shape->packed)
        return packing_of((enum precision)shape->operands, shape->n, shape->k)->layout;
    return matrix((enum precision)shape->operands, shape->k, shape->n, shape->ldb, shape->transpose_b);
}

static layout result(const struct gemm_shape *shape)
{
    dnnl_dims_t size = {shape->m, shape->n}, strides = {shape->ldc, 1};
    return layout_strided(shape->fp32_result ? dnnl_f32 : dnnl_bf16, size, strides);
}

// NULL if oneDNN has no kernel. `memory`, unless NULL, receives the memory objects of A, B and C.
static dnnl_primitive_desc_t describe(const struct gemm_shape *shape, dnnl_memory_t *memory)
{
    const layout operand[ARGUMENTS] = {
        matrix((enum precision)shape->operands, shape->m, shape->k, shape->lda, shape->transpose_a),
        weights(shape), result(shape)};
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
    enum { SIDE = 64 };
    const struct gemm_shape shape = {operands, 1, SIDE, SIDE, SIDE, SIDE, SIDE, SIDE, 0, 0, 0, 0};
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

// The layout that oneDNN's kernel for many rows prefers. The plain layout if n is not a multiple of that
// kernel's blocks, if oneDNN has no such kernel, or if its layout needs more than gemm_packed_elements.
static layout packed_layout(enum precision precision, int n, int k)
{
    enum { ROWS = 256 };
    layout plain = matrix(precision, k, n, n, false);
    if (n % BLOCK != 0) // oneDNN 2.6 would use its reference kernel for other numbers of rows
        return plain;
    const layout operand[ARGUMENTS] = {matrix(precision, ROWS, k, k, false),
                                       layout_any(type_of(precision), (dnnl_dims_t){k, n}),
                                       matrix(precision, ROWS, n, n, false)};
    dnnl_primitive_desc_t description = matmul_describe(engine, operand, NULL);
    for (int i = 0; i < ARGUMENTS; i++)
        layout_destroy(operand[i]);
    if (!description)
        return plain;
    layout preferred = layout_of_weights(description);
    dnnl_primitive_desc_destroy(description);
    size_t bytes = gemm_packed_elements(n, k) * precision_bytes(precision);
    bool fits = dnnl_memory_desc_get_size(preferred) <= bytes;
    layout_destroy(fits ? plain : preferred);
    return fits ? preferred : plain;
}

static void clear_packings(void)
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

static const struct packing *packing_of(enum precision precision, int n, int k)
{
    int i = 0;
    for (; i < PACKINGS && packings[i].to; i++)
        if (packings[i].precision == precision && packings[i].n == n && packings[i].k == k)
            return &packings[i];
    if (i == PACKINGS) {
        clear_packings();
        i = 0;
    }
    struct packing *packing = &packings[i];
    packing->precision = precision, packing->n = n, packing->k = k;
    packing->layout = packed_layout(precision, n, k);
    must(dnnl_memory_create(&packing->to, packing->layout, engine, DNNL_MEMORY_NONE));
    for (int transposed = 0; transposed < 2; transposed++) {
        layout plain = matrix(precision, k, n, transposed ? k : n, transposed);
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
    const struct packing *packing = packing_of(operands, n, k);
    must(dnnl_memory_set_data_handle(packing->from[transposed], (void *)b));
    must(dnnl_memory_set_data_handle(packing->to, packed));
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, packing->from[transposed]},
                                         {DNNL_ARG_TO, packing->to}};
    must(dnnl_primitive_execute(packing->reorder[transposed], stream, 2, arguments));
}

// ---- matmuls ----

static void clear_matmuls(void)
{
    for (int i = 0; i < SLOTS; i++) {
        if (!matmuls[i].primitive)
            continue;
        for (int argument = 0; argument < ARGUMENTS; argument++)
            dnnl_memory_destroy(matmuls[i].memory[argument]);
        dnnl_primitive_destroy(matmuls[i].primitive);
    }
    memset(matmuls, 0, sizeof matmuls);
    used = 0;
}

static void create_matmul(struct matmul *matmul, const struct gemm_shape *shape)
{
    dnnl_primitive_desc_t description = describe(shape, matmul->memory);
    must(description ? dnnl_success : dnnl_unimplemented);
    matmul->shape = *shape;
    matmul->reference = strncmp(kernel_name(description), "ref", 3) == 0;
    must(dnnl_primitive_create(&matmul->primitive, description));
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

static struct matmul *find(const struct gemm_shape *shape)
{
    for (unsigned i = hash(shape);; i++) {
        struct matmul *matmul = &matmuls[i % SLOTS];
        if (matmul->primitive && memcmp(&matmul->shape, shape, sizeof *shape) == 0)
            return matmul;
        if (matmul->primitive)
            continue;
        if (used >= SLOTS / 2) { // keeps probe sequences short
            clear_matmuls();
            return find(shape);
        }
        used++;
        create_matmul(matmul, shape);
        return matmul;
    }
}

static void execute(const struct matmul *matmul, const void *a, const void *b, void *c)
{
    // oneDNN's handles are not const; it does not write to sources.
    must(dnnl_memory_set_data_handle(matmul->memory[0], (void *)a));
    must(dnnl_memory_set_data_handle(matmul->memory[1], (void *)b));
    must(dnnl_memory_set_data_handle(matmul->memory[2], c));
    const dnnl_exec_arg_t arguments[ARGUMENTS] = {{DNNL_ARG_SRC, matmul->memory[0]},
                                                  {DNNL_ARG_WEIGHTS, matmul->memory[1]},
                                                  {DNNL_ARG_DST, matmul->memory[2]}};
    must(dnnl_primitive_execute(matmul->primitive, stream, ARGUMENTS, arguments));
}

// ---- packed, with padded rows ----

static void copy_rows(void *to, int to_ld, const void *from, int from_ld, int rows, int columns,
                      size_t element_bytes)
{
    for (size_t row = 0; row < (size_t)rows; row++)
        memcpy((char *)to + row * (size_t)to_ld * element_bytes,
               (const char *)from + row * (size_t)from_ld * element_bytes, (size_t)columns * element_bytes);
}

// Scratch for a dense matrix; reallocated for larger ones, never freed.
static void *dense_buffer(int which, size_t bytes)
{
    static void *buffer[2];
    static size_t size[2];
    if (bytes > size[which]) {
        buffer[which] = memory_grow(buffer[which], bytes);
        size[which] = bytes;
    }
    return buffer[which];
}

// Copies padded rows: with a packed B, oneDNN 2.6 has only its reference kernel for them; oneDNN 3.7 has fast
// ones.
static void execute_dense(const struct gemm_shape *shape, const void *a, const void *b, void *c)
{
    struct gemm_shape dense = *shape;
    size_t from = precision_bytes((enum precision)shape->operands),
           to = precision_bytes(shape->fp32_result ? PRECISION_FP32 : PRECISION_BF16);
    void *dense_c = c;
    dense.lda = shape->k, dense.ldc = shape->n;
    if (shape->lda != shape->k) {
        void *buffer = dense_buffer(0, (size_t)shape->m * (size_t)shape->k * from);
        copy_rows(buffer, shape->k, a, shape->lda, shape->m, shape->k, from);
        a = buffer;
    }
    if (shape->ldc != shape->n)
        dense_c = dense_buffer(1, (size_t)shape->m * (size_t)shape->n * to);
    execute(find(&dense), a, b, dense_c);
    if (dense_c != c)
        copy_rows(c, shape->ldc, dense_c, shape->n, shape->m, shape->n, to);
}

void gemm_onednn(const struct gemm *g)
{
    const struct gemm_shape shape = {g->types == GEMM_FP32 ? PRECISION_FP32 : PRECISION_BF16,
                                     g->types != GEMM_BF16,
                                     g->m,
                                     g->n,
                                     g->k,
                                     g->lda,
                                     g->packed ? g->n : g->ldb,
                                     g->ldc,
                                     g->a_transposed,
                                     g->b_transposed && !g->packed,
                                     g->add,
                                     g->packed != NULL};
    const void *b = g->packed ? g->packed : g->b;
    const struct matmul *matmul = find(&shape);
    bool dense = g->lda == g->k && g->ldc == g->n;
    if (matmul->reference && g->packed && !dense)
        execute_dense(&shape, g->a, b, g->c);
    else
        execute(matmul, g->a, b, g->c);
}
