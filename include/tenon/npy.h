/**
 * @file
 * Arrays as files that numpy opens (.npy).
 *
 * Threads: any thread may call this at once with others; of several that write one path the last wins.
 */
#ifndef TENON_NPY_H
#define TENON_NPY_H

#include <tenon/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Write an array in C order; `numpy.load(path)` gives it back. The file appears whole or not at all, in place of one
 * that is there, as with tn_checkpoint_save().
 *
 * @return TN_ERR_IO naming the path and the reason; TN_ERR_SHAPE; TN_ERR_ARGUMENT for bf16, which numpy lacks, or an
 *         array that has no data
 */
TN_API TN_CHECKED tn_status tn_npy_save(const char *path, tn_tensor array);

#ifdef __cplusplus
}
#endif
#endif
