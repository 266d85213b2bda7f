/* The functions that poolings that select pairs share: all but `encode`. In the backward pass only the
 * selected pairs have a gradient. */
#include "kernel/bias_relu.h"
#include "kernel/max_pooling.h"
#include "kernel/operand.h"
#include "model/deep_sets.h"
#include "model/pooling.h"

#include <string.h>

void pooling_selected_set_parameters(struct stage *stage)
{
    const struct model_spec *d = &stage->spec;
    const struct tensor *weight = layer_weight(stage, encoder_last_layer(stage));
    size_t stride = (size_t)last_hidden_stride(stage), columns = (size_t)weight->columns;
    for (size_t row = 0; row < (size_t)weight->rows; row++)
        operand_copy(element_at(stage, plan_of(stage)->last_weight, row * stride),
                     stage->parameters + weight->offset + row * columns, columns, d->precision);
}

// The bias, which shifts all pairs equally, is added after pooling.
void pooling_selected_embed(struct stage *stage, int sets)
{
    int width = stage->spec.embed_dim, stride = lanes_stride(width);
    const float *pooled = plan_of(stage)->maxima;
    float *embedding = plan_of(stage)->set_input[1];
    for (int set = 0; set < sets; set++)
        memcpy(embedding + set * width, pooled + set * stride, (size_t)width * sizeof *pooled);
    bias_add(embedding, stage->parameters + bias_offset(stage, encoder_last_layer(stage)), sets, width, width,
             PRECISION_FP32);
}

void pooling_selected_embed_backward(struct stage *stage, int sets, float *dembedding,
                                     const struct model_gradients *gradients)
{
    float *gradient = gradients->of(gradients->context, 0);
    int width = stage->spec.embed_dim;
    float *db = gradient + bias_offset(stage, encoder_last_layer(stage));
    memset(db, 0, (size_t)width * sizeof *db);
    bias_gradient(db, dembedding, sets, width, width, PRECISION_FP32);
    memset(plan_of(stage)->last_weight_gradient, 0,
           (size_t)width * (size_t)last_hidden_stride(stage) * sizeof(float));
}

int pooling_selected_encode_backward(struct stage *stage, int set, int sets, void *dz, float *gradient,
                                     const int32_t **argmax)
{
    const struct model_spec *d = &stage->spec;
    const struct deep_sets_workspace *plan = plan_of(stage);
    int width = d->embed_dim, stride = lanes_stride(width);
    struct max_pooling_argmax list = {.row = plan->row, .first = plan->first, .column = plan->column};
    (void)gradient;
    max_pooling_list_argmax(&list, plan->argmax + (size_t)set * (size_t)stride, sets, d->pairs, width, stride,
                            plan->count);
    max_pooling_backward(dz, plan->last_weight_gradient, plan->last_bias_gradient, &list,
                         plan->set_gradient[1] + (size_t)set * (size_t)width, d->pairs, width,
                         plan->last_weight, deep_sets_activation(stage, d->encoder.count - 1, set),
                         last_hidden_stride(stage), d->precision);
    *argmax = list.row;
    return list.rows;
}

void pooling_selected_finish(struct stage *stage, float *gradient)
{
    const struct tensor *weight = layer_weight(stage, encoder_last_layer(stage));
    size_t stride = (size_t)last_hidden_stride(stage), columns = (size_t)weight->columns;
    const float *dw = plan_of(stage)->last_weight_gradient;
    for (size_t row = 0; row < (size_t)weight->rows; row++)
        memcpy(gradient + weight->offset + row * columns, dw + row * stride, columns * sizeof *dw);
}
