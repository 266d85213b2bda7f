/* Maximum over pairs. */
#include "kernel/max_pooling.h"
#include "model/deep_sets.h"
#include "model/pooling.h"

static void encode(struct stage *stage, int set, int sets)
{
    const struct model_spec *d = &stage->spec;
    const struct deep_sets_workspace *plan = plan_of(stage);
    int stride = lanes_stride(d->embed_dim);
    size_t at = (size_t)set * (size_t)stride;
    deep_sets_embed_pairs(stage, set, sets, plan->embedding);
    max_pooling_forward(plan->maxima + at, plan->argmax + at, plan->embedding, sets, d->pairs, stride,
                        d->precision);
}

const struct pooling pooling_max = {.set_parameters = pooling_selected_set_parameters,
                                    .reads_activation = true,
                                    .encode = encode,
                                    .embed = pooling_selected_embed,
                                    .embed_backward = pooling_selected_embed_backward,
                                    .encode_backward = pooling_selected_encode_backward,
                                    .finish = pooling_selected_finish};
