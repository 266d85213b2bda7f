/* Weights of attention pooling (pooling_attention.c): their merging with others, once per step, and the
 * expansion of the merged weights' gradient. Private to this folder. */
#ifndef MODEL_ATTENTION_WEIGHTS_H
#define MODEL_ATTENTION_WEIGHTS_H

#include "model/deep_sets.h"

/* Tensors of attention, in their order in the table. */
enum attention_part {
    ATTENTION_QUERY,
    ATTENTION_KEY,
    ATTENTION_VALUE,
    ATTENTION_VALUE_BIAS,
    ATTENTION_OUTPUT,
    ATTENTION_OUTPUT_BIAS
};

/* embedding = heads * slice; in, stride: width of the last hidden layer and its padded width */
struct attention_sizes {
    int queries, heads, embedding, slice, in, stride;
    enum precision precision;
};

static inline struct attention_sizes attention_sizes_of(const struct stage *stage)
{
    const struct model_spec *d = &stage->spec;
    return (struct attention_sizes){.queries = d->queries,
                                    .heads = d->heads,
                                    .embedding = d->embed_dim,
                                    .slice = d->embed_dim / d->heads,
                                    .in = widths_last(&d->encoder),
                                    .stride = last_hidden_stride(stage),
                                    .precision = d->precision};
}

/* Place of a tensor in the vector of parameters. */
static inline size_t attention_offset(const struct stage *stage, enum attention_part part)
{
    return stage->table.tensors[2 * (stage->spec.encoder.count + 1) + (int)part].offset;
}

/* The encoder's last weight, with which the keys and values are merged. */
static inline const struct tensor *attention_last_weight(const struct stage *stage)
{
    return layer_weight(stage, encoder_last_layer(stage));
}

/* Merges and packs the weights of stage->parameters. */
void attention_weights_merge(struct stage *stage);

/* Expands the sum of all shards' gradients of the merged weights into the gradients of their factors (chain
 * rule), in place. */
void attention_weights_expand(struct stage *stage, float *gradient);

#endif
