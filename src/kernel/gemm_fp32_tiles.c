/* The loops of gemm_fp32, compiled once per instruction set. A tile of C stays in registers over a block
 * of k. Tiles and blocks change no bit: at the end of a block the chain of each element is stored in C, and
 * the next block continues the chain from that value. */
#include "kernel/gemm_fp32_pack.h"
#include "kernel/simd.h"

// Rows and panels of a tile. Its sums take most of the registers (32 with AVX-512 and NEON, 16 with AVX2).
#define UP_TO_6_ROWS(X, panels)                                                                              \
    X(1, panels)                                                                                             \
    X(2, panels)                                                                                             \
    X(3, panels)                                                                                             \
    X(4, panels)                                                                                             \
    X(5, panels)                                                                                             \
    X(6, panels)
#if defined(SIMD_AVX512)
#define PANELS 2
#define EACH_ROWS(X, panels)                                                                                 \
    UP_TO_6_ROWS(X, panels)                                                                                  \
    X(7, panels)                                                                                             \
    X(8, panels)                                                                                             \
    X(9, panels)                                                                                             \
    X(10, panels)                                                                                            \
    X(11, panels)                                                                                            \
    X(12, panels)
enum { ROWS = 12 };
#else
#define PANELS    1
#define EACH_ROWS UP_TO_6_ROWS
enum { ROWS = 6 };
#endif

enum {
    PANEL = GEMM_FP32_PANEL,
    COLUMNS = PANELS * PANEL, // of a tile
    VECTORS = COLUMNS / SIMD_FLOATS,
    PANEL_VECTORS = PANEL / SIMD_FLOATS,
    DEPTH = 640,            // k per block: a tile's columns of B stay in the L2 cache
    BLOCK_ROWS = 480,       // rows per block of A, which stays in the L2 cache
    DIRECT_ROWS = 2 * ROWS, // max m at which B is not packed: few rows read B too rarely
    DIRECT_STRIDE = 768,    // max ldb at which B is not packed: the caches hold its strips
};

// Operands and result of a tile, in whole panels.
struct tile {
    const float *a, *b, *start; // start: initial values of the chains
    float *c;
    size_t a_row, a_step;   // distance between A's rows and between its steps
    size_t b_panel, b_step; // distance between B's panels and between its steps
    size_t ldstart, ldc;
    int k;
    bool relu;
};

SIMD_INLINE void load_tile(simd_float sum[ROWS][VECTORS], const float *from, size_t ld, const int rows,
                           const int vectors)
{
    SIMD_UNROLL
    for (int i = 0; i < rows; i++) {
        SIMD_UNROLL
        for (int v = 0; v < vectors; v++)
            sum[i][v] = simd_load(from + (size_t)i * ld + v * SIMD_FLOATS);
    }
}

SIMD_INLINE void relu_tile(simd_float sum[ROWS][VECTORS], const int rows, const int vectors)
{
    SIMD_UNROLL
    for (int i = 0; i < rows; i++) {
        SIMD_UNROLL
        for (int v = 0; v < vectors; v++)
            sum[i][v] = simd_relu(sum[i][v]);
    }
}

SIMD_INLINE void store_tile(float *to, size_t ld, simd_float sum[ROWS][VECTORS], const int rows,
                            const int vectors)
{
    SIMD_UNROLL
    for (int i = 0; i < rows; i++) {
        SIMD_UNROLL
        for (int v = 0; v < vectors; v++)
            simd_store(to + (size_t)i * ld + v * SIMD_FLOATS, sum[i][v]);
    }
}

SIMD_INLINE void multiply_tile(const struct tile *t, const int rows, const int panels,
                               const bool a_transposed)
{
    const int vectors = panels * PANEL_VECTORS;
    const size_t a_row = a_transposed ? 1 : t->a_row, a_step = a_transposed ? t->a_step : 1;
    const size_t b_panel = t->b_panel, b_step = t->b_step;
    const float *a = t->a, *b = t->b;
    simd_float sum[ROWS][VECTORS];
    load_tile(sum, t->start, t->ldstart, rows, vectors);
    for (int p = t->k; p > 0; p--, a += a_step, b += b_step) {
        simd_float row[VECTORS];
        SIMD_UNROLL
        for (int v = 0; v < vectors; v++)
            row[v] = simd_load(b + (size_t)(v / PANEL_VECTORS) * b_panel + v % PANEL_VECTORS * SIMD_FLOATS);
        SIMD_UNROLL
        for (int i = 0; i < rows; i++) {
            simd_float x = simd_broadcast(a[(size_t)i * a_row]);
            SIMD_UNROLL
            for (int v = 0; v < vectors; v++)
                sum[i][v] = simd_fma(x, row[v], sum[i][v]);
        }
    }
    if (t->relu)
        relu_tile(sum, rows, vectors);
    store_tile(t->c, t->ldc, sum, rows, vectors);
}

// One function per number of rows, number of panels and orientation of A.
typedef void tile_function(const struct tile *t);
#define DEFINE(rows, panels)                                                                                 \
    static void tile_##rows##_##panels(const struct tile *t)                                                 \
    {                                                                                                        \
        multiply_tile(t, rows, panels, false);                                                               \
    }                                                                                                        \
    static void transposed_##rows##_##panels(const struct tile *t)                                           \
    {                                                                                                        \
        multiply_tile(t, rows, panels, true);                                                                \
    }
#define ENTRY(rows, panels) {tile_##rows##_##panels, transposed_##rows##_##panels},

EACH_ROWS(DEFINE, 1)
#if PANELS == 2
EACH_ROWS(DEFINE, 2)
static tile_function *const tile_functions[PANELS][ROWS][2] = {{EACH_ROWS(ENTRY, 1)}, {EACH_ROWS(ENTRY, 2)}};
#else
static tile_function *const tile_functions[PANELS][ROWS][2] = {{EACH_ROWS(ENTRY, 1)}};
#endif

// A strip of C, one tile wide, for one block of k.
struct strip {
    int column, columns;
    int first_k, k;
    bool first, last; // block of k
    const float *b;
    size_t b_panel, b_step;
};

static void copy_columns(float *restrict to, size_t ldto, const float *restrict from, size_t ldfrom, int rows,
                         int columns)
{
    for (size_t i = 0; i < (size_t)rows; i++)
        memcpy(to + i * ldto, from + i * ldfrom, (size_t)columns * sizeof *to);
}

// Sets s->b to the strip's part of B, packed into `panels` unless it can be read in place.
static void locate_b(const struct gemm *g, struct strip *s, float *panels)
{
    const float *b = g->b, *packed = g->packed;
    size_t ldb = (size_t)g->ldb, p = (size_t)s->first_k, column = (size_t)s->column;
    s->b_step = PANEL;
    if (packed) {
        s->b = packed + column * (size_t)g->k + p * PANEL;
        s->b_panel = (size_t)g->k * PANEL;
    } else if (!g->b_transposed && s->columns % PANEL == 0 &&
               (g->m <= DIRECT_ROWS || g->ldb <= DIRECT_STRIDE)) {
        s->b = b + p * ldb + column;
        s->b_panel = PANEL;
        s->b_step = ldb;
    } else {
        s->b = panels;
        s->b_panel = DEPTH * PANEL;
        for (int j = 0; j < s->columns; j += PANEL, column += PANEL)
            gemm_fp32_pack_panel(panels + j * DEPTH,
                                 b + (g->b_transposed ? column * ldb + p : p * ldb + column),
                                 s->columns - j < PANEL ? s->columns - j : PANEL, s->k, ldb, g->b_transposed);
    }
}

// Last columns of C, fewer than whole panels: computes the tile in a buffer and copies it to C.
static void multiply_beside(struct tile t, tile_function *function, int rows, int columns)
{
    float c[ROWS * COLUMNS] = {0};
    struct tile beside = t;
    if (t.start)
        copy_columns(c, COLUMNS, t.start, t.ldstart, rows, columns);
    beside.start = beside.c = c;
    beside.ldstart = beside.ldc = COLUMNS;
    function(&beside);
    copy_columns(t.c, t.ldc, c, COLUMNS, rows, columns);
}

static struct tile first_tile(const struct gemm *g, const struct strip *s, int row)
{
    static const float zeros[COLUMNS];
    size_t lda = (size_t)g->lda, ldc = (size_t)g->ldc;
    struct tile t = {.a_row = g->a_transposed ? 1 : lda,
                     .a_step = g->a_transposed ? lda : 1,
                     .b = s->b,
                     .b_panel = s->b_panel,
                     .b_step = s->b_step,
                     .k = s->k,
                     .c = (float *)g->c + (size_t)row * ldc + s->column,
                     .ldc = ldc,
                     .relu = s->last && g->relu};
    t.a = (const float *)g->a + (size_t)row * t.a_row + (size_t)s->first_k * t.a_step;
    if (g->add || !s->first) {
        t.start = t.c;
        t.ldstart = ldc;
    } else
        t.start = g->bias ? g->bias + s->column : s->columns % PANEL == 0 ? zeros : NULL;
    return t;
}

static void next_tile(struct tile *t, size_t rows)
{
    t->a += rows * t->a_row;
    t->c += rows * t->ldc;
    if (t->start)
        t->start += rows * t->ldstart;
}

// Rows [row, end), in tiles of heights that differ by at most 1.
static void multiply_strip(const struct gemm *g, const struct strip *s, int row, int end)
{
    struct tile t = first_tile(g, s, row);
    int tiles = (end - row + ROWS - 1) / ROWS, rows = (end - row) / tiles, higher = (end - row) % tiles;
    for (int i = 0; i < tiles; i++) {
        int height = rows + (i < higher);
        tile_function *function = tile_functions[(s->columns - 1) / PANEL][height - 1][g->a_transposed];
        if (s->columns % PANEL == 0)
            function(&t);
        else
            multiply_beside(t, function, height, s->columns);
        next_tile(&t, (size_t)height);
    }
}

void SIMD_NAME(gemm_fp32_multiply)(const struct gemm *g)
{
    float panels[COLUMNS * DEPTH];
    struct strip s = {.first = true};
    for (; s.first || s.first_k < g->k; s.first_k += s.k, s.first = false) { // once if k is 0
        int left = g->k - s.first_k, blocks = (left + DEPTH - 1) / DEPTH;
        s.k = blocks > 0 ? (left + blocks - 1) / blocks : 0;
        s.last = s.k == left;
        for (int row = 0; row < g->m; row += BLOCK_ROWS)
            for (s.column = 0; s.column < g->n; s.column += COLUMNS) {
                s.columns = g->n - s.column < COLUMNS ? g->n - s.column : COLUMNS;
                locate_b(g, &s, panels);
                multiply_strip(g, &s, row, g->m - row < BLOCK_ROWS ? g->m : row + BLOCK_ROWS);
            }
    }
}
