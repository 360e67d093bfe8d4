/**
 * @file
 * Data of a program's own: a source says which arrays a row has and fills one row at a time; a loader shuffles, makes
 * batches ahead in threads of its own, leaves bad items out, and resumes in the middle of an epoch, as it does for sets of
 * images.
 *
 *     static tn_status fill(void *arg, const tn_fill *at)
 *     {
 *         const house *h = (const house *)arg + at->item;
 *         memcpy(at->row[0], h->x, sizeof h->x);
 *         memcpy(at->row[1], &h->price, sizeof h->price);
 *         return h->price > 0 ? TN_OK : tn_fail(TN_ERR_FORMAT, "the price is %g", h->price);
 *     }
 *
 *     const tn_source source = {.name = "houses",
 *                               .items = count,
 *                               .array = {{.name = "x", .dtype = TN_F32, .row = TN_SHAPE(8)},
 *                                         {.name = "price", .dtype = TN_F32, .row = TN_SHAPE(1)}},
 *                               .fill = fill,
 *                               .arg = houses};
 *     tn_loader_open_source(&loader, &source, &(tn_loader_opts){.batch = 32, .shuffle = true});
 *     while (tn_loader_next(loader, &batch) == TN_OK) ... batch.array[0], batch.array[1], batch.count
 *
 * Threads: a loader calls fill() from several threads at once, and begin() and end() from the one that opens and closes
 * it. The functions below are for any thread.
 */
#ifndef TENON_SOURCE_H
#define TENON_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include <tenon/data.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What each row has one of: a tensor of a batch without its first dimension. */
typedef struct tn_array {
    const char *name; /**< "image" */
    tn_dtype dtype;
    tn_shape row; /**< of one row; no dimension: one number */
    bool
        labels; /**< of i32: rows that hold no sample have -1, which losses leave out; in others they are 0 */
} tn_array;

/** One row to be filled. */
typedef struct tn_fill {
    int64_t item;  /**< which one belongs there, from 0 */
    int64_t epoch; /**< from 0 */
    int64_t place; /**< of the row in the epoch, from 0 */
    uint64_t
        seed; /**< tn_loader_opts.seed. What is in a row may depend on these four alone, or a run could not be
                          repeated nor resumed: see tn_fill_random() */
    bool
        judge; /**< the item is read for the first time: if it is bad in any part, also in one that this row does
                          not show, that should be said now */
    void *worker; /**< what begin() made for this thread, or NULL */
    void *const
        *row; /**< where an array's row goes, one an array; what lies there before is undefined */
} tn_fill;

/**
 * Where rows come from. Copied by tn_loader_open_source(), what it points to is borrowed until tn_loader_close().
 *
 * fill() reports an error by tn_fail(), whose sentence tn_loader_next() repeats behind the item's name, or any status
 * that a function of Tenon returned. TN_ERR_IO and TN_ERR_FORMAT mean that this item is bad, and what happens then is
 * said by tn_loader_opts.on_bad and max_bad, as for images; any other status ends the epoch.
 */
typedef struct tn_source {
    const char *name; /**< in errors: "houses.csv"; item 12 then is "houses.csv[12]" */
    int64_t items;
    tn_array array[TN_MAX_ARRAYS]; /**< the first without a name ends them */
    tn_status (*fill)(void *arg, const tn_fill *at);
    /** If not NULL: called once for each thread when the loader is opened, to make what a thread needs for itself (a file
     *  handle, a decoder's memory); what is put into *worker comes as tn_fill.worker. */
    tn_status (*begin)(void *arg, void **worker);
    /** If not NULL: called for each begin() that succeeded. */
    void (*end)(void *arg, void *worker);
    void *arg; /**< handed to all of them */
} tn_source;

/**
 * Like tn_loader_open(), for batches of a source; tn_batch.array has them. Options that say how images are cut out and
 * changed must be left 0. Of several ranks each makes its own rows, and the others' are not set.
 * @return TN_ERR_ARGUMENT, TN_ERR_SHAPE naming the source and the array, TN_ERR_MEMORY, what begin() returned
 */
TN_API TN_CHECKED tn_status tn_loader_open_source(tn_loader **out, const tn_source *source,
                                                  const tn_loader_opts *opts);

/** Random number @p n of a row, in [0, 1): the same whichever thread asks, in whatever order, and after a resume.
 *  NaN of NULL. */
TN_API double tn_fill_random(const tn_fill *at, uint64_t n);

/**
 * One image file in memory to pixels, as a loader with these options makes them at this row: cut out, mirrored and
 * coloured by tn_loader_opts.crop and all that stand behind it. So a source of a program's own may take images from
 * where it likes (an archive, a data base) and lose nothing.
 *
 * @param name  what errors call it
 * @param rgb   opts->height x opts->width x 3 bytes
 * @return      as tn_image_load()
 */
TN_API TN_CHECKED tn_status tn_fill_image(const tn_fill *at, const tn_loader_opts *opts,
                                          const char *name, const void *bytes, size_t size,
                                          uint8_t *rgb);

#ifdef __cplusplus
}
#endif
#endif
