/* Writes a model as NumPy's .npz or Hugging Face's .safetensors. Both hold float32 tensors under PyTorch's
 * names, row-major and little-endian. */
#ifndef CLI_MODEL_FILE_H
#define CLI_MODEL_FILE_H

#include "store/store.h"

/* STATUS_USAGE unless the name ends in .npz or .safetensors and output_check allows it. `results`: the
 * results file that the command reads. */
enum status model_file_check(const char *path, const char *results);

/* Writes the model to a temporary file and renames it to `path`, which model_file_check must have allowed. */
enum status model_file_write(const char *path, const struct store_parameters *parameters);

#endif
