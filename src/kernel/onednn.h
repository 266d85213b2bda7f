/* The part of oneDNN's C API that gemm_onednn.c uses, for versions 2.6 to 3.x: version 3 made memory
 * descriptors opaque and creates primitive descriptors without operation descriptors. A `layout` is a
 * heap-allocated memory descriptor in both; the caller destroys it with layout_destroy. */
#ifndef KERNEL_ONEDNN_H
#define KERNEL_ONEDNN_H

#include "base/memory.h"

#include <assert.h>
#include <dnnl.h>
#include <stdlib.h>

// oneDNN fails only for unsupported arguments: an error in this program, which its tests would show.
static inline void must(dnnl_status_t status)
{
    assert(status == dnnl_success);
    (void)status;
}

#if DNNL_VERSION_MAJOR >= 3

typedef dnnl_memory_desc_t layout;

static inline layout layout_strided(dnnl_data_type_t type, const dnnl_dims_t shape, const dnnl_dims_t strides)
{
    layout created;
    must(dnnl_memory_desc_create_with_strides(&created, 2, shape, type, strides));
    return created;
}

/* A layout whose order the primitive that uses it chooses. */
static inline layout layout_any(dnnl_data_type_t type, const dnnl_dims_t shape)
{
    layout created;
    must(dnnl_memory_desc_create_with_tag(&created, 2, shape, type, dnnl_format_tag_any));
    return created;
}

static inline layout layout_of_weights(const_dnnl_primitive_desc_t primitive)
{
    layout created;
    must(dnnl_memory_desc_clone(&created, dnnl_primitive_desc_query_md(primitive, dnnl_query_weights_md, 0)));
    return created;
}

static inline void layout_destroy(layout destroyed)
{
    must(dnnl_memory_desc_destroy(destroyed));
}

/* NULL if oneDNN has no kernel for these layouts. */
static inline dnnl_primitive_desc_t matmul_describe(dnnl_engine_t engine, const layout operand[3],
                                                    const_dnnl_primitive_attr_t attributes)
{
    dnnl_primitive_desc_t description = NULL;
    dnnl_matmul_primitive_desc_create(&description, engine, operand[0], operand[1], NULL, operand[2],
                                      attributes);
    return description;
}

/* Makes the primitive add its result to the destination instead of overwriting it. */
static inline void append_sum(dnnl_post_ops_t operations)
{
    must(dnnl_post_ops_append_sum(operations, 1, 0, dnnl_data_type_undef));
}

#else

typedef dnnl_memory_desc_t *layout;

static inline layout layout_strided(dnnl_data_type_t type, const dnnl_dims_t shape, const dnnl_dims_t strides)
{
    layout created = memory_small(sizeof *created);
    must(dnnl_memory_desc_init_by_strides(created, 2, shape, type, strides));
    return created;
}

static inline layout layout_any(dnnl_data_type_t type, const dnnl_dims_t shape)
{
    layout created = memory_small(sizeof *created);
    must(dnnl_memory_desc_init_by_tag(created, 2, shape, type, dnnl_format_tag_any));
    return created;
}

static inline layout layout_of_weights(const_dnnl_primitive_desc_t primitive)
{
    layout created = memory_small(sizeof *created);
    *created = *dnnl_primitive_desc_query_md(primitive, dnnl_query_weights_md, 0);
    return created;
}

static inline void layout_destroy(layout destroyed)
{
    free(destroyed);
}

static inline dnnl_primitive_desc_t matmul_describe(dnnl_engine_t engine, const layout operand[3],
                                                    const_dnnl_primitive_attr_t attributes)
{
    dnnl_matmul_desc_t operation;
    dnnl_primitive_desc_t description = NULL;
    must(dnnl_matmul_desc_init(&operation, operand[0], operand[1], NULL, operand[2]));
    dnnl_primitive_desc_create(&description, &operation, attributes, engine, NULL);
    return description;
}

static inline void append_sum(dnnl_post_ops_t operations)
{
    must(dnnl_post_ops_append_sum(operations, 1));
}

#endif

#endif
