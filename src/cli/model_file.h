/* One model as a file that others read: NumPy's .npz and Hugging Face's .safetensors. Both hold float32
 * tensors under PyTorch's names, row-major, little-endian. */
#ifndef CLI_MODEL_FILE_H
#define CLI_MODEL_FILE_H

#include "store/store.h"

/* STATUS_USAGE unless the name ends in .npz or .safetensors and output_check allows it. `results`: the
 * file that is read. */
enum status model_file_check(const char *path, const char *results);

/* Writes the model beside its name, which model_file_check has allowed, and renames it. */
enum status model_file_write(const char *path, const struct store_parameters *parameters);

#endif
