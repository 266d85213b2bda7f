/* Infers the weights of sets of pairs with a trained model, and refines them. */
#ifndef CLI_INFERENCE_H
#define CLI_INFERENCE_H

#include "base/status.h"
#include "cli/prediction.h"

/* Fills the predictions of all sets: predictions->prediction and seconds. The caller frees them with
 * inference_free, after a failure too. parameters: of the run's model. STATUS_MEMORY; STATUS_USAGE
 * with FILE:LINE if weights or their outputs are not finite. */
enum status inference_run(const float *parameters, const struct pairs_file *file,
                          struct predictions *predictions);
void inference_free(struct predictions *predictions);

#endif
