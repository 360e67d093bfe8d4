/*
 * Where a loader's rows come from: a source, and what is known of it beside. A set of images is one of them.
 */
#ifndef TN_ORIGIN_H
#define TN_ORIGIN_H

#include <tenon/source.h>

/* The arrays of a set of images; the last two where rows are mixed. */
enum { TN_SET_IMAGES, TN_SET_LABELS, TN_SET_PARTNERS, TN_SET_SHARES };

typedef struct tn_origin {
    tn_source source;
    int arrays;
    size_t row_bytes[TN_MAX_ARRAYS];
    const char *what; /* its items are, in errors */
    double mixup;     /* 0: rows are not mixed */
    bool one_file;    /* no item of it can be bad alone */
    int chunk;        /* rows that a thread takes at once */
    /* The name of an item, which what fill() says of it begins with; NULL: "source[item]", and it does not. */
    const char *(*name)(void *arg, int64_t item);
    /* Of a row that another rank fills: its label, which a set of images knows without. NULL of all others. */
    void (*label)(void *arg, const tn_fill *at);
    void (*close)(void *arg); /* NULL: nothing is to be closed */
} tn_origin;

static inline bool tn_origin_is_set(const tn_origin *o)
{
    return o->label != NULL;
}

/* Of a set of images, which it holds, or of a program's own source. origin->close() in the end, if it is there. */
tn_status tn_origin_of_set(tn_origin *out, const tn_dataset *set, const tn_loader_opts *opts);
tn_status tn_origin_of_source(tn_origin *out, const tn_source *source, const tn_loader_opts *opts);

/* Shapes and bytes of its arrays, in batches of so many rows. */
tn_status tn_origin_measure(tn_origin *o, int batch);
tn_shape tn_origin_shape(const tn_origin *o, int array, int batch);

/* Fills a row; an error's text begins with the name of the item. */
tn_status tn_origin_fill(const tn_origin *o, const tn_fill *at);
/* The name of an item, a copy; NULL when there is no memory. */
char *tn_origin_name(const tn_origin *o, int64_t item);

#endif
