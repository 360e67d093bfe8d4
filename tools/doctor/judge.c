/* What is wrong, in the order of what to see to first; and libraries and the build itself. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

void find(findings *out, level l, const char *id, const char *format, ...)
{
    if (out->count == MAX_FINDINGS)
        return;
    finding *f = &out->at[out->count++];
    char both[2 * SENTENCE];
    va_list values;
    va_start(values, format);
    vsnprintf(both, sizeof both, format, values);
    va_end(values);
    /* Names of folders in the text may have one, too. */
    char *bar = strrchr(both, '|');
    *f = (finding){.level = l, .id = id};
    if (bar)
        *bar = '\0';
    snprintf(f->text, sizeof f->text, "%.511s", both);
    snprintf(f->remedy, sizeof f->remedy, "%.511s", bar ? bar + 1 : "");
}

const char *level_name(level l)
{
    static const char *const names[] = {[NOTE] = "note", [SLOW] = "slow", [BROKEN] = "broken"};
    return names[l];
}

const char *library_state_name(library_state s)
{
    static const char *const names[] = {[LIBRARY_FITS] = "fits",
                                        [LIBRARY_MISSING] = "missing",
                                        [LIBRARY_WRONG] = "does not fit",
                                        [LIBRARY_UNUSED] = "not in this build",
                                        [LIBRARY_NOT_NEEDED] = "not needed here"};
    return names[s];
}

/* Libraries of GPUs, where there is one that answers. */
static void judge_libraries(const facts *f, findings *out)
{
    const library_facts *l = f->library;
    const int cuda = atoi(f->build.cuda);
    if (l[CUBLAS].state == LIBRARY_MISSING)
        find(out, BROKEN, "cublas-missing",
             "No GPU can be used: cuBLAS (libcublasLt.so.%d) is not found.|Install it (Debian and "
             "Ubuntu with NVIDIA's repository: apt install libcublas-%d-0 or later; pip: "
             "nvidia-cublas), or name its folder in TENON_CUDA_LIBS.",
             cuda, cuda);
    if (l[CUBLAS].state == LIBRARY_WRONG)
        find(out, BROKEN, "cublas-other",
             "No GPU can be used: cuBLAS is %s (%s), and this was built with CUDA %s.|Install "
             "cuBLAS %d.x beside it, or build Tenon with the toolkit of that CUDA.",
             l[CUBLAS].found, l[CUBLAS].where, f->build.cuda, cuda);
    if (l[CUDNN].state == LIBRARY_MISSING)
        find(out, SLOW, "cudnn-missing",
             "cuDNN (libcudnn.so.9) is not found: convolutions take Tenon's own kernels, several "
             "times slower in tf32, bf16 and f16.|Install cuDNN 9.8 or later for CUDA %d (apt "
             "install cudnn9-cuda-%d; pip: nvidia-cudnn-cu%d), or name its folder in "
             "TENON_CUDA_LIBS.",
             cuda, cuda, cuda);
    if (l[CUDNN].state == LIBRARY_WRONG)
        find(out, SLOW, "cudnn-other",
             "cuDNN is %s (%s), and what fits is %s.|Install the one that fits (apt install "
             "cudnn9-cuda-%d; pip: nvidia-cudnn-cu%d); where both are there, name the folder of "
             "the right one in TENON_CUDA_LIBS.",
             l[CUDNN].found, l[CUDNN].where, l[CUDNN].wanted, cuda, cuda);
    if (!*f->build.nccl && *f->build.cuda && f->gpus.count > 1)
        find(out, SLOW, "nccl-not-built",
             "There are %d GPUs, and this build trains on one at a time: it was built without "
             "NCCL.|Install nccl.h (apt install libnccl-dev) and build again.",
             f->gpus.count);
    if (l[NCCL].state == LIBRARY_MISSING)
        find(
            out, SLOW, "nccl-missing",
            "NCCL (libnccl.so.2) is not found: the %d GPUs can be used one at a time only.|Install "
            "it (apt install libnccl2; pip: nvidia-nccl-cu%d), or name its folder in "
            "TENON_CUDA_LIBS.",
            f->gpus.count, cuda);
    if (l[NCCL].state == LIBRARY_WRONG)
        find(out, f->gpus.count > 1 ? SLOW : NOTE, "nccl-other",
             "NCCL is %s (%s), and what fits is %s: several GPUs as one do not work.|Install NCCL "
             "2.19 or later.",
             l[NCCL].found, l[NCCL].where, l[NCCL].wanted);
}

static void judge_build(const facts *f, findings *out)
{
    const library_facts *l = f->library;
    if (f->build.slow)
        find(out, SLOW, "slow-build",
             "This is a build for finding errors (%s%s%s): it computes many times slower.|Build "
             "with cmake --preset release.",
             f->build.kind, *f->build.sanitizers ? ", sanitizers: " : "", f->build.sanitizers);
    if (l[ONEDNN].state == LIBRARY_MISSING)
        find(out, SLOW, "onednn-missing",
             "This build has no oneDNN: most layers on the CPU run by reference kernels, ten to a "
             "hundred times slower.|Install libdnnl-dev (2.6 or later) and build again.");
    if (l[JPEG].state == LIBRARY_MISSING)
        find(out, SLOW, "jpeg-missing",
             "This build has no libjpeg-turbo: pictures are decoded several times slower.|Install "
             "libjpeg-dev and build again.");
    if (l[MPI].state == LIBRARY_MISSING)
        find(out, NOTE, "mpi-missing",
             "This was built with MPI %s, and no libmpi.so is found: devices named mpi: do not "
             "work.|Install it (apt install openmpi-bin), if you train in several processes.",
             f->build.mpi);
}

void judge(const facts *f, findings *out)
{
    findings all = {.count = 0};
    judge_gpus(f, &all);
    if (f->gpus.count > 0)
        judge_libraries(f, &all);
    judge_build(f, &all);
    judge_host(f, &all);
    judge_variables(f, &all);
    out->count = 0;
    for (int l = BROKEN; l >= NOTE; l--)
        for (int i = 0; i < all.count; i++)
            if ((int)all.at[i].level == l)
                out->at[out->count++] = all.at[i];
}
