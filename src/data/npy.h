/*
 * Files of numpy arrays (.npy): writing their headers, and reading any part of them.
 *   Source: numpy.lib.format, versions 1.0 to 3.0.
 */
#ifndef TN_NPY_H
#define TN_NPY_H

#include <stddef.h>
#include <stdint.h>

#include <tenon/tensor.h>

enum { TN_NPY_HEADER_BYTES = 256 };

/* The header of an array in C order. Not for bf16, which numpy lacks. */
void tn_npy_header(char header[TN_NPY_HEADER_BYTES], tn_dtype dtype, const tn_shape *shape);

/* What a header says: TN_OK, or TN_ERR_FORMAT naming `path`, the reason, and what was found. The
 * data begin at *offset. */
tn_status tn_npy_parse(const char *path, const uint8_t *bytes, size_t size, tn_dtype dtype,
                       tn_shape *shape, size_t *offset);

/* An open file. Parts of it are read as they are needed, from the system's copy if there is one, which
 * processes share. Not mapped: a map of a file that somebody cuts short kills its readers without a word.
 * Any number of threads may read. */
typedef struct tn_npy {
    char *path;
    int file;
    size_t size, offset; /* of the file, and where its data begin */
    tn_shape shape;
} tn_npy;

/* Opens a file that holds an array of `dtype` with `ndim` dimensions, and is as long as that takes.
 * TN_ERR_IO, TN_ERR_FORMAT. */
tn_status tn_npy_open(tn_npy *npy, const char *path, tn_dtype dtype, int ndim);
/* `size` bytes of the data from byte `at` on. TN_ERR_IO, also if the file has become shorter. */
tn_status tn_npy_read(const tn_npy *npy, size_t at, size_t size, void *bytes);
void tn_npy_close(tn_npy *npy); /* a zeroed one is fine */

#endif
