#include "idx.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../tools/common/args.h"

/* gzread() reads plain files as well; without zlib only those can be read. */
#ifdef TN_HAVE_ZLIB
#include <zlib.h>
typedef gzFile stream;
static const bool packed_too = true;

static stream stream_open(const char *path)
{
    return gzopen(path, "rb");
}

static int64_t stream_read(stream s, void *to, size_t bytes)
{
    return gzread(s, to, (unsigned)bytes);
}

static void stream_close(stream s)
{
    gzclose(s);
}
#else
typedef FILE *stream;
static const bool packed_too = false;

static stream stream_open(const char *path)
{
    return fopen(path, "rb");
}

static int64_t stream_read(stream s, void *to, size_t bytes)
{
    return (int64_t)fread(to, 1, bytes, s);
}

static void stream_close(stream s)
{
    fclose(s);
}
#endif

typedef struct path {
    char text[4096];
} path;

static bool exists(const char *name)
{
    FILE *f = fopen(name, "rb");
    if (f)
        fclose(f);
    return f != NULL;
}

static path find(const char *folder, const char *part, const char *what)
{
    path p;
    const int length = snprintf(p.text, sizeof p.text - 3, "%s/%s-%s", folder, part, what);
    if (length < 0 || (size_t)length >= sizeof p.text - 3)
        args_fail("the name of the folder is too long");
    if (exists(p.text))
        return p;
    memcpy(p.text + length, ".gz", 4);
    if (!exists(p.text))
        args_fail("%s has no %s-%s, nor one with .gz", folder, part, what);
    if (!packed_too)
        args_fail("%s: this build has no zlib; unpack it with gunzip", p.text);
    return p;
}

/* Exactly so many bytes. */
static void take(stream s, const char *name, void *to, int64_t bytes)
{
    const int64_t most = 1 << 30;
    for (uint8_t *p = to; bytes > 0;) {
        const int64_t got = stream_read(s, p, (size_t)(bytes < most ? bytes : most));
        if (got <= 0)
            args_fail("%s: is cut off or damaged", name);
        p += got;
        bytes -= got;
    }
}

static int64_t take_number(stream s, const char *name)
{
    uint8_t b[4];
    take(s, name, b, 4);
    return (int64_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
}

/* The dimensions after the magic number, of which there must be so many, then the bytes. */
static uint8_t *take_array(const char *name, int dims, int64_t *dim)
{
    stream s = stream_open(name);
    if (!s)
        args_fail("%s: cannot be opened", name);
    if (take_number(s, name) != 0x800 + dims)
        args_fail("%s: is not an idx file of bytes with %d dimensions", name, dims);
    int64_t bytes = 1;
    for (int i = 0; i < dims; i++) {
        dim[i] = take_number(s, name);
        if (dim[i] < 1 || dim[i] > (i ? 4096 : 1 << 24))
            args_fail("%s: dimension %d is %lld", name, i, (long long)dim[i]);
        bytes *= dim[i];
    }
    uint8_t *array = malloc((size_t)bytes);
    if (!array)
        run_fail("%s: no memory for %lld bytes", name, (long long)bytes);
    take(s, name, array, bytes);
    stream_close(s);
    return array;
}

void idx_open(idx *set, const char *folder, const char *part)
{
    const path images = find(folder, part, "images-idx3-ubyte");
    const path labels = find(folder, part, "labels-idx1-ubyte");
    int64_t dim[3], count;
    *set = (idx){.images = take_array(images.text, 3, dim)};
    set->labels = take_array(labels.text, 1, &count);
    if (count != dim[0])
        args_fail("%s: has %lld images but %lld labels", folder, (long long)dim[0],
                  (long long)count);
    set->count = dim[0];
    set->height = dim[1];
    set->width = dim[2];
}

static tn_status fill(void *self, const tn_fill *at)
{
    const idx *set = self;
    const size_t bytes = (size_t)(set->height * set->width);
    memcpy(at->row[0], set->images + (size_t)at->item * bytes, bytes);
    *(int32_t *)at->row[1] = set->labels[at->item];
    return TN_OK;
}

tn_source idx_source(const idx *set, const char *name)
{
    return (tn_source){.name = name,
                       .items = set->count,
                       .array = {{"image", TN_U8, TN_SHAPE(set->height, set->width, 1), false},
                                 {"label", TN_I32, {0}, true}},
                       .fill = fill,
                       .arg = (void *)(uintptr_t)set};
}

void idx_close(idx *set)
{
    free(set->images);
    free(set->labels);
    *set = (idx){0};
}
