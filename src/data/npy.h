/*
 * Files of numpy arrays (.npy): writing their headers, and reading whole files by mmap.
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

/* A file in memory, read-only. The pages are the system's own copy: they cost nothing until read,
 * and several processes share them. A file that is cut short while mapped kills its readers, so
 * files are replaced (rename), never rewritten. */
typedef struct tn_npy {
    void *map;
    size_t map_bytes;
    tn_shape shape;
    const uint8_t *data;
} tn_npy;

/* Maps a file that holds an array of `dtype` with `ndim` dimensions, and is as long as that takes.
 * TN_ERR_IO, TN_ERR_FORMAT. */
tn_status tn_npy_open(tn_npy *npy, const char *path, tn_dtype dtype, int ndim);
void tn_npy_close(tn_npy *npy); /* a zeroed one is fine */

#endif
