/*
 * NVIDIA's libraries, opened with the first GPU: a run on the CPU then pays for none of them, and one build
 * serves machines with and without them.
 *
 * The sources of this backend call cuDNN, cuBLASLt and NCCL by their own names. In tenon_cuda.so those names are
 * functions of this folder, which pass each call on to the library that was opened; in tenon_sim.so they
 * are the simulation, which defines what is declared here too.
 */
#ifndef TN_CUDA_LIBRARIES_H
#define TN_CUDA_LIBRARIES_H

#include <tenon/status.h>

/* What devices of this module are called: "cuda", or "sim". */
extern const char tn_cuda_name[];

/* Each opens its library, once; it stays open. TN_ERR_DEVICE says what was found, what is needed and where it
 * was looked for. */
tn_status tn_library_cudnn(void);
tn_status tn_library_cublaslt(void);
tn_status tn_library_nccl(void); /* defined in builds with nccl.h */

#endif
