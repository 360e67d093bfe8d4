/* What this was built with, as CMake found it. */
#include "doctor.h"

void build_look(build_facts *b)
{
#ifdef __OPTIMIZE__
    const bool optimised = true;
#else
    const bool optimised = false;
#endif
    *b = (build_facts){.slow = !optimised || *TENON_SANITIZERS,
                       .kind = optimised ? TENON_BUILD_TYPE : TENON_BUILD_TYPE ", not optimised",
                       .sanitizers = TENON_SANITIZERS,
#ifdef __clang__
                       .compiler = "clang " __clang_version__,
#else
                       .compiler = "gcc " __VERSION__,
#endif
                       .cuda = TENON_CUDA_VERSION,
                       .cudnn = TENON_CUDNN_VERSION,
                       .nccl = TENON_NCCL_VERSION,
                       .onednn = TENON_DNNL_VERSION,
                       .mpi = TENON_MPI_VERSION,
                       .jpeg = TENON_JPEG_VERSION};
}
