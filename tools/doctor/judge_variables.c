/* Variables of the environment that change what Tenon does, or what it is compared with. */
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

const variable variables[] = {
    {"OMP_NUM_THREADS", "how many threads the CPU computes with"},
    {"OMP_THREAD_LIMIT", "the most threads that the CPU computes with"},
    {"OMP_PROC_BIND",
     "OpenMP binds its threads to cores, not Tenon's own: --device cpu,pin=on does"},
    {"OMP_PLACES", "to which cores OpenMP binds its threads"},
    {"OMP_WAIT_POLICY", "whether OpenMP's threads that wait keep their core busy"},
    {"OMP_DYNAMIC", "nothing: Tenon turns it off"},
    {"OMP_SCHEDULE", "nothing: Tenon's loops are not OpenMP's"},
    {"GOMP_CPU_AFFINITY", "OpenMP binds its threads to these cores"},
    {"GOMP_SPINCOUNT", "how long OpenMP's threads that wait keep their core busy"},
    {"KMP_AFFINITY", "nothing, where OpenMP is gcc's"},
    {"ONEDNN_MAX_CPU_ISA", "the best instructions that oneDNN may use"},
    {"DNNL_MAX_CPU_ISA", "the best instructions that oneDNN may use"},
    {"ONEDNN_VERBOSE", "oneDNN writes a line a call"},
    {"DNNL_VERBOSE", "oneDNN writes a line a call"},
    {"OPENBLAS_NUM_THREADS", "nothing: Tenon uses no BLAS; PyTorch beside it may"},
    {"MKL_NUM_THREADS", "nothing: Tenon uses no BLAS; PyTorch beside it may"},
    {"CUDA_VISIBLE_DEVICES", "which GPUs programs see, and in what order"},
    {"CUDA_DEVICE_ORDER", "in what order GPUs are numbered"},
    {"CUDA_LAUNCH_BLOCKING", "1: each kernel is waited for"},
    {"CUDA_MODULE_LOADING", "whether kernels are loaded when they are used"},
    {"CUDA_CACHE_DISABLE", "1: kernels that a newer GPU needs are compiled at each start"},
    {"NVIDIA_TF32_OVERRIDE", "0: no product in tf32, whatever a program asks for"},
    {"CUBLASLT_LOG_LEVEL", "cuBLASLt writes what it does"},
    {"CUDNN_LOGLEVEL_DBG", "cuDNN writes what it does"},
    {"NCCL_DEBUG", "NCCL writes what it does"},
    {"NCCL_P2P_DISABLE", "1: GPUs send through the host's memory"},
    {"NCCL_SHM_DISABLE", "1: NCCL does not use /dev/shm"},
    {"NCCL_IB_DISABLE", "1: NCCL does not use InfiniBand"},
    {"NCCL_SOCKET_IFNAME", "the network that NCCL takes between machines"},
    {"LD_LIBRARY_PATH", "where libraries are looked for first"},
    {"LD_PRELOAD", "what is loaded into every program"},
    {"TENON_MODULES", "where tenon_cuda.so and tenon_mpi.so are looked for first"},
    {"TENON_CUDA_LIBS", "where NVIDIA's libraries are looked for first"},
    {"TENON_CACHE", "where choices of cuDNN's engines are kept"},
    {"TENON_SLOTS", "whose queue tenon train --queue waits in"},
    {"TENON_WORKSPACE", "whose runs are meant by name"},
    {NULL, NULL}};

static bool says(const facts *f, const char *name, const char *value)
{
    const char *is = f->variable(name);
    return is && strcmp(is, value) == 0;
}

static void judge_cuda(const facts *f, findings *out)
{
    const char *visible = f->variable("CUDA_VISIBLE_DEVICES");
    const char *libraries = f->variable("LD_LIBRARY_PATH");
    if (f->gpus.count > 0 && visible && (!*visible || strcmp(visible, "-1") == 0))
        find(out, BROKEN, "gpus-hidden",
             "CUDA_VISIBLE_DEVICES=%s hides all GPUs.|unset CUDA_VISIBLE_DEVICES.", visible);
    if (libraries && strstr(libraries, "/stubs"))
        find(out, BROKEN, "stubs",
             "LD_LIBRARY_PATH names a folder \"stubs\" of the CUDA toolkit: what is in it serves "
             "linking and is no driver.|Take it out.");
    if (f->gpus.count == 0)
        return;
    if (says(f, "CUDA_LAUNCH_BLOCKING", "1"))
        find(out, SLOW, "blocking",
             "CUDA_LAUNCH_BLOCKING=1: every kernel is waited for.|unset it, but to find an error.");
    if (says(f, "NVIDIA_TF32_OVERRIDE", "0"))
        find(out, SLOW, "no-tf32",
             "NVIDIA_TF32_OVERRIDE=0: products run in f32, three times slower or more.|unset it.");
    if (says(f, "CUDA_CACHE_DISABLE", "1"))
        find(out, NOTE, "no-cache",
             "CUDA_CACHE_DISABLE=1: each start may compile kernels anew.|unset it.");
    if (f->gpus.count > 1 && says(f, "NCCL_P2P_DISABLE", "1"))
        find(out, SLOW, "no-p2p",
             "NCCL_P2P_DISABLE=1: GPUs send through the host's memory.|unset it.");
}

void judge_variables(const facts *f, findings *out)
{
    static const char *const isas[] = {"ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"};
    static const char *const chatter[] = {"ONEDNN_VERBOSE", "DNNL_VERBOSE"};
    judge_cuda(f, out);
    for (int i = 0; i < 2; i++) {
        const char *isa = f->variable(isas[i]), *verbose = f->variable(chatter[i]);
        if (isa && *isa && strcmp(isa, "ALL") != 0 && strcmp(isa, "DEFAULT") != 0)
            find(out, SLOW, "isa", "%s=%s keeps oneDNN from better instructions.|unset it.",
                 isas[i], isa);
        if (verbose && *verbose && strcmp(verbose, "0") != 0)
            find(out, SLOW, "verbose", "%s=%s: oneDNN writes a line a call.|unset it.", chatter[i],
                 verbose);
    }
    if (says(f, "OMP_WAIT_POLICY", "active") && f->host.busy > 0.3)
        find(out, SLOW, "spinning",
             "OMP_WAIT_POLICY=active on a machine that others use: OpenMP's threads, which a few "
             "layers of oneDNN's have, take cores from those that work while they wait.|unset it.");
}
