/*
 * A stand-in for NVIDIA's driver, libcuda.so.1, with which the real cuDNN can make plans on a machine that has
 * none: it compiles kernels at run time, loads them and asks for their attributes; that succeeds here, and
 * nothing runs. Every other entry point is in stubs.c, which make_stubs.py writes, and says that this is a
 * stub library, as the toolkit's own does.
 */
#include <cuda.h>
#include <stdint.h>

/* Whatever is asked for is some object. */
static void *object(void)
{
    static uintptr_t last = 0x1000;
    last += 16;
    return (void *)last;
}

CUresult cuLibraryLoadData(CUlibrary *library, const void *code, CUjit_option *options,
                           void **values, unsigned count, CUlibraryOption *more, void **more_values,
                           unsigned more_count)
{
    (void)code, (void)options, (void)values, (void)count;
    (void)more, (void)more_values, (void)more_count;
    *library = object();
    return CUDA_SUCCESS;
}

CUresult cuLibraryUnload(CUlibrary library)
{
    (void)library;
    return CUDA_SUCCESS;
}

CUresult cuLibraryGetKernel(CUkernel *kernel, CUlibrary library, const char *name)
{
    (void)library, (void)name;
    *kernel = object();
    return CUDA_SUCCESS;
}

CUresult cuLibraryGetKernelCount(unsigned *count, CUlibrary library)
{
    (void)library;
    *count = 1;
    return CUDA_SUCCESS;
}

CUresult cuLibraryEnumerateKernels(CUkernel *kernels, unsigned count, CUlibrary library)
{
    (void)library;
    if (count > 0)
        kernels[0] = object();
    return CUDA_SUCCESS;
}

CUresult cuKernelGetFunction(CUfunction *function, CUkernel kernel)
{
    (void)kernel;
    *function = object();
    return CUDA_SUCCESS;
}

CUresult cuKernelSetAttribute(CUfunction_attribute name, int value, CUkernel kernel,
                              CUdevice device)
{
    (void)name, (void)value, (void)kernel, (void)device;
    return CUDA_SUCCESS;
}

CUresult cuKernelGetAttribute(int *value, CUfunction_attribute name, CUkernel kernel,
                              CUdevice device)
{
    (void)name, (void)kernel, (void)device;
    *value = 0;
    return CUDA_SUCCESS;
}

CUresult cuFuncSetAttribute(CUfunction function, CUfunction_attribute name, int value)
{
    (void)function, (void)name, (void)value;
    return CUDA_SUCCESS;
}

CUresult cuFuncGetAttribute(int *value, CUfunction_attribute name, CUfunction function)
{
    (void)name, (void)function;
    *value = 0;
    return CUDA_SUCCESS;
}

CUresult cuGetErrorString(CUresult error, const char **text)
{
    (void)error;
    *text = "there is no driver";
    return CUDA_SUCCESS;
}

CUresult cuGetErrorName(CUresult error, const char **text)
{
    (void)error;
    *text = "CUDA_ERROR_STUB_LIBRARY";
    return CUDA_SUCCESS;
}
