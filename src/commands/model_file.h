/* One model as a file that others read: NumPy's .npz and Hugging Face's .safetensors. Both hold float32 tensors under
 * PyTorch's names, row-major, little-endian. */
#ifndef COMMANDS_MODEL_FILE_H
#define COMMANDS_MODEL_FILE_H

#include "store/store.h"

/* STATUS_USAGE with a sentence unless the name ends in .npz or .safetensors. */
enum status model_file_check(const char *path);

/* Writes it beside its name and renames it; replaces what is there. */
enum status model_file_write(const char *path, const struct store_parameters *parameters);

#endif
