/*
 * The safetensors format, as https://github.com/huggingface/safetensors states it:
 *
 *     8 bytes    N, little endian, at most 100 MB
 *     N bytes    JSON, padded at its end with spaces, so that what follows begins at a multiple of 64:
 *                {"__metadata__": {"key": "text", ...},
 *                 "conv1.weight": {"dtype": "F32", "shape": [64, 3, 11, 11],
 *                                  "data_offsets": [begin, end]}, ...}
 *     the rest   the numbers, little endian, row major; offsets count from here; every byte belongs
 *                to exactly one tensor
 */
#ifndef TN_SAFETENSORS_H
#define TN_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>

#include <tenon/checkpoint.h>
#include <tenon/tensor.h>

/* One tensor of a file. */
typedef struct tn_safetensor {
    const char *name;
    int dtype; /* a tn_dtype; -1: a type that Tenon does not have */
    tn_shape shape;
    const char *
        type; /* the format's word for dtype, "F32"; a writer may be given another that is as long */
    /* A writer does not read these. */
    size_t begin, bytes; /* where its numbers are, counted from the first */
    const char *wrong;   /* why its numbers cannot be read as dtype and shape say; NULL: they can */
} tn_safetensor;

/* ---- reading: every failure is TN_ERR_FORMAT or TN_ERR_IO with the path and the reason -------- */

typedef struct tn_safetensors tn_safetensors;

/* Reads the whole header, and checks that every byte behind it belongs to one tensor. What a tensor is, only matters
 * to who wants that tensor: see `wrong`. Metadata that are no text are as none. */
tn_status tn_safetensors_open(tn_safetensors **out, const char *path);
/* One that lies in memory, which stays as it is until the file is closed; `name` is what errors call it. */
tn_status tn_safetensors_open_bytes(tn_safetensors **out, const char *name, const void *bytes,
                                    size_t size);
void tn_safetensors_close(tn_safetensors *file);

size_t tn_safetensors_count(const tn_safetensors *file);
const tn_safetensor *tn_safetensors_at(const tn_safetensors *file, size_t index); /* by name */
const tn_safetensor *tn_safetensors_find(const tn_safetensors *file, const char *name);
const char *tn_safetensors_meta(const tn_safetensors *file, const char *key);

/* The keys of the metadata, in the order of the file; NULL past the last. A value that is no text is NULL. */
const char *tn_safetensors_meta_at(const tn_safetensors *file, size_t index, const char **value);

/* Copies t's numbers to `to`, which has room for t->bytes. */
tn_status tn_safetensors_read(const tn_safetensors *file, const tn_safetensor *t, void *to);

/* Where they lie, in a file that lies in memory; else NULL, and if they cannot be read as dtype and shape say. */
const void *tn_safetensors_data(const tn_safetensors *file, const tn_safetensor *t);

/* Of a sealed file that lies in memory: is every byte of its header as it was written, and, if `data`, behind it? */
tn_status tn_safetensors_check_seal(const tn_safetensors *file, bool data);

/* ---- writing ---------------------------------------------------------------------------------- */

typedef struct tn_safetensors_writer tn_safetensors_writer;

/*
 * Begins a file beside PATH (base/aside.h) and writes the header. Then tn_safetensors_write() once a tensor, in the same
 * order; tn_safetensors_commit() makes it PATH. Destroying a writer that was not committed removes
 * what it wrote.
 */
tn_status tn_safetensors_create(tn_safetensors_writer **out, const char *path,
                                const tn_safetensor *tensors, size_t count, const tn_meta *meta,
                                size_t num_meta);
/*
 * The same, sealed: every tensor begins at a multiple of 64 bytes of the file, with tensors ".pad0", ".pad1", ... of zeros
 * in between, since the format allows no holes; and two more metadata (seal.h) tell whether a byte was changed.
 */
tn_status tn_safetensors_create_sealed(tn_safetensors_writer **out, const char *path,
                                       const tn_safetensor *tensors, size_t count,
                                       const tn_meta *meta, size_t num_meta);
#define TN_SAFETENSORS_PAD ".pad"
tn_status tn_safetensors_write(tn_safetensors_writer *w, const void *data, size_t bytes);
tn_status tn_safetensors_commit(tn_safetensors_writer *w);
void tn_safetensors_destroy(tn_safetensors_writer *w); /* NULL is fine */

/* Names and metadata may be any bytes (base/escape.h); a file in which some are escaped says so. */
#define TN_SAFETENSORS_ESCAPES "tenon.escapes"
#define TN_SAFETENSORS_ESCAPES_TO "U+F700 + byte"

/* The format's word for a tn_dtype. */
const char *tn_safetensors_type(int dtype);

#endif
