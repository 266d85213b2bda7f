/* The tensors of a run's model, in the order of the flat vector: the first members of the group
 * /models/<run_id>, as many as hold the run's `parameters`. Later members of the group are foreign. */
#ifndef STORE_TENSORS_H
#define STORE_TENSORS_H

#include "store/h5.h"

/* Opens the group of a run and reads the names of its tensors. The caller closes and frees both, also after a
 * failure. */
enum status tensors_open(hid_t file, const char *path, int64_t run, const char *run_id, hid_t *group,
                         struct h5_names *names);

#endif
