/**
 * @file
 * Data: sets of labelled images, and loaders that make batches of them in threads of their own. What else a program may
 * have: <tenon/source.h>.
 *
 * A set (tn_dataset) is a list of items and class names; a loader (tn_loader) decodes, crops and
 * augments them. The order of an epoch and every random choice are functions of (seed, epoch, place
 * in the epoch) alone, so a given seed gives the same bytes for any number of threads.
 *
 * Threads: a tn_dataset never changes, and any number of threads may share it; a tn_loader is one thread's at a time.
 * Different loaders, also of one set, may be used at once.
 */
#ifndef TENON_DATA_H
#define TENON_DATA_H

#include <stdbool.h>
#include <stdint.h>

#include <tenon/device.h>
#include <tenon/options.h>
#include <tenon/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- one image ---------------------------------------------------------------------------- */

/** From an image of any size to height x width: what evaluation and deployment do. */
typedef struct tn_fit_opts {
    int height, width; /**< pixels given out */
    int resize;        /**< first the short side is scaled to this, then the middle is cut out;
                            default: the larger of height and width */
} tn_fit_opts;

/**
 * Decode one image file (JPEG, PNG, WebP, GIF, BMP, PNM; of an animation the first frame), turn it
 * upright as its EXIF orientation says, make it RGB, and fit it. All of the file is decoded: it is bad
 * if it is damaged anywhere, also where the fit does not look. At most 178956970 pixels, and beyond the
 * first megapixel 8256 for each byte of the file; at most 512 MiB.
 *
 * @param rgb  height x width x 3 bytes
 * @return     TN_ERR_IO, TN_ERR_FORMAT: the path and what is wrong with it
 */
TN_API TN_CHECKED tn_status tn_image_load(const char *path, const tn_fit_opts *opts, uint8_t *rgb);

/** The same of an image file that lies in memory; @p name is what errors call it. */
TN_API TN_CHECKED tn_status tn_image_decode(const char *name, const void *bytes, size_t size,
                                            const tn_fit_opts *opts, uint8_t *rgb);

/** Pixels that are in memory already: a frame of a video, say. */
typedef struct tn_image_pixels {
    const uint8_t *rgb; /**< height rows of width x 3 bytes */
    int width, height;
    size_t stride; /**< bytes from one row to the next; default: width x 3 */
} tn_image_pixels;

/**
 * The same of these: what tn_image_load() gives of a file without loss (PNG, PNM, BMP) with such pixels, byte for byte.
 * @return TN_ERR_ARGUMENT with the sizes, TN_ERR_MEMORY
 */
TN_API TN_CHECKED tn_status tn_image_fit(const tn_image_pixels *pixels, const tn_fit_opts *opts,
                                         uint8_t *rgb);

/** A frame of a video in the memory of a GPU, as decoders leave it: luma, and chroma in pairs, one of 2 x 2 pixels (NV12, P010). */
typedef struct tn_image_surface {
    const void *luma, *chroma;         /**< addresses of the GPU */
    size_t luma_stride, chroma_stride; /**< bytes from one row to the next */
    int width, height;
    bool wide;       /**< samples of 16 bits, the upper ones of which count; default: of 8 */
    bool full;       /**< luma is of 0 to 255; default: of 16 to 235, and chroma of 16 to 240 */
    float red, blue; /**< how much of luma they are; default 0.299 and 0.114, BT.601 */
    void *stream; /**< cudaStream_t on which it is written; default: CUDA's legacy default stream */
} tn_image_surface;

/**
 * The same of such a frame, where it lies: sums are in another order, so bytes may differ by 1 from tn_image_fit()'s.
 * @param device  "cuda:N", of whose memory it is; it waits for what it is asked to do
 * @return        TN_ERR_UNSUPPORTED of a device that has no such memory, TN_ERR_ARGUMENT with the sizes
 */
TN_API TN_CHECKED tn_status tn_image_fit_surface(tn_device *device, const tn_image_surface *surface,
                                                 const tn_fit_opts *opts, uint8_t *rgb);

/** A JPEG file in memory, of RGB (three components). */
typedef struct tn_jpeg {
    uint8_t *bytes;
    size_t size;
    int width, height;
} tn_jpeg;

typedef struct tn_jpeg_opts {
    int side; /**< pixels of the longer side at most: a smaller picture keeps its size; default 256 */
    int quality; /**< 1 to 100, libjpeg's scale; default 85 */
} tn_jpeg_opts;

/**
 * A small JPEG file of an image file, for pages and reports: decoded as tn_image_load() does, the whole picture kept in its
 * proportions. The same file and options give the same bytes.
 *
 * @param opts NULL: all default
 * @param out  to be freed by tn_jpeg_free(); {0} after an error
 * @return     as tn_image_load(); TN_ERR_UNSUPPORTED in a build without libjpeg-turbo, which writes it
 */
TN_API TN_CHECKED tn_status tn_image_jpeg(const char *path, const tn_jpeg_opts *opts, tn_jpeg *out);
TN_API void tn_jpeg_free(tn_jpeg *jpeg); /* {0} and NULL are fine */

/** Which of ten crops: TN_TEN_CROPS of them. */
enum { TN_TEN_CROPS = 10 };
typedef struct tn_ten_crop_opts {
    int which; /**< 0 to 4: upper left, upper right, lower left, lower right, centre; 5 to 9: the same of the picture mirrored */
    int from_height, from_width; /**< pixels of the picture; required */
    int height, width;           /**< and of the crop, not above them; required */
    int channels;                /**< bytes a pixel; default 3 */
} tn_ten_crop_opts;

/**
 * One of the ten crops whose predictions are averaged to evaluate a net: the four corners, the centre, and all of these
 * mirrored. For Krizhevsky's ten the picture is 256 x 256, as tn_image_load() fits it, and the crop 224 x 224; averaged are
 * the probabilities. The centre is that of TN_CROP_CENTRE. Crops and order are torchvision's TenCrop's.
 * Source: Krizhevsky, Sutskever, Hinton 2012, section 4.1.
 *
 * @param pixels  from_height x from_width x channels bytes
 * @param crop    height x width x channels bytes
 * @return        TN_ERR_ARGUMENT with the sizes
 */
TN_API TN_CHECKED tn_status tn_image_ten_crop(const uint8_t *pixels, const tn_ten_crop_opts *opts,
                                              uint8_t *crop);

/* ---- sets --------------------------------------------------------------------------------- */

/** A list of images with labels and class names. Never changes; threads may share it. */
typedef struct tn_dataset tn_dataset;

typedef struct tn_dataset_opts {
    /**
     * One of
     * - a folder with one subfolder a class, searched to any depth; class numbers follow the sorted
     *   names of the folders. Hidden names and folders that systems keep beside images (`@eaDir`,
     *   __MACOSX, lost+found, ...) are passed over. Subfolders that are named as parts of a set,
     *   train and val, are an error: they are no classes;
     * - a text file with a line "path label" an image: paths relative to the file, with /, with spaces
     *   if need be; labels all whole numbers or all names, one word, or all that stands behind a tab; a line
     *   that begins with # is a comment. Either may stand in double quotes with C's escapes, as any name can
     *   (`"two\nlines.jpg"`, `\ooo`: a byte in octal); a label in quotes is a name. What looks like a list of
     *   another kind (the number first, commas, a heading, two labels) or gives one file two labels is an error;
     * - a folder that `tenon data pack` (tn_dataset_pack) wrote.
     */
    const char *path;
    /** Take class names and numbers from this set (a validation set takes training's). Borrowed
     *  for the call. A class that it lacks is an error that names it. */
    const tn_dataset *classes_of;
    /**
     * A text file that names images to leave out, or NULL: a line "path, tab, reason" each, as `tenon data check` and
     * tn_exclude_write() write it; the reason may be missing, a line that begins with # is a comment, and quotes are those
     * of lists. A path is where the image lies within the set's folder ("cat/17.jpg"; of a packed set "images.npy[12]", or
     * where it lay in the set that was packed),
     * or that behind the folder as it was opened, its full path, or its own name ("train/cat/17.jpg": so one file serves
     * all parts of a set). Classes keep their numbers. A line that names no image here is a notice, unless it is of another part
     * of the set or of a full path elsewhere: those are counted. To leave out all images is an error.
     */
    const char *exclude;
    /** NULL, or told now and then how many images were found so far: a large folder takes minutes to open. */
    void (*found)(void *with, int64_t images);
    void *with;
    /** Labels are of no matter: all images of a folder, at any depth, are of one class. */
    bool unlabelled;
} tn_dataset_opts;

/** @return TN_ERR_IO, TN_ERR_FORMAT, TN_ERR_ARGUMENT, TN_ERR_MEMORY, each naming file and line */
TN_API TN_CHECKED tn_status tn_dataset_open(tn_dataset **out, const tn_dataset_opts *opts);
TN_API void tn_dataset_close(tn_dataset *set); /* NULL is fine */

/**
 * May this file be read? Where the environment has TENON_WITHIN, folders with a line each, a link of a folder of images may only
 * lead below one of them, and tn_dataset_open() refuses another; a program that lists files by itself asks here.
 * @return TN_ERR_ARGUMENT naming what it leads to, TN_ERR_IO where it leads nowhere
 */
TN_API TN_CHECKED tn_status tn_path_within(const char *path);

/**
 * Share one set out at random, class by class, so that each keeps its proportions: about
 * @p percent of each class (at least one image, if it has two) go to @p second, the rest to
 * @p first. The same seed gives the same parts. Both are sets of their own.
 */
TN_API TN_CHECKED tn_status tn_dataset_split(const tn_dataset *set, double percent, uint64_t seed,
                                             tn_dataset **first, tn_dataset **second);

/**
 * The same, and images of one group (such as near duplicates of each other, which must not be learnt from in one part and asked
 * for in the other) stay together: @p group has a number for each item, below 0 for one that is alone; NULL: all are. A group
 * that does not fit into what its classes give to @p second is in @p first; so a class of large groups gives less.
 */
TN_API TN_CHECKED tn_status tn_dataset_split_groups(const tn_dataset *set, double percent,
                                                    uint64_t seed, const int64_t *group,
                                                    tn_dataset **first, tn_dataset **second);

/** Write the images of a set (not a packed one) as a list file, full paths and labels, that tn_dataset_open() takes; the file
 *  appears whole or not at all. @return TN_ERR_IO naming the file, TN_ERR_ARGUMENT, TN_ERR_MEMORY */
TN_API TN_CHECKED tn_status tn_dataset_write_list(const tn_dataset *set, const char *path);

/** A file to leave out; the reason is for people, NULL is none. */
typedef struct tn_excluded {
    const char *path, *reason;
} tn_excluded;
/** Write such a file as tn_dataset_opts.exclude is; line breaks in reasons become blanks. Whole or not at all. */
TN_API TN_CHECKED tn_status tn_exclude_write(const char *path, const tn_excluded *files,
                                             int64_t count);

TN_API int64_t tn_dataset_count(const tn_dataset *set);
/** How many images tn_dataset_opts.exclude left out. */
TN_API int64_t tn_dataset_excluded(const tn_dataset *set);
TN_API int tn_dataset_classes(const tn_dataset *set);
/** Pixels on a side of a packed set's images; 0 if the set is one of files. */
TN_API int tn_dataset_side(const tn_dataset *set);
/** Name and number of images of a class. NULL and 0 outside of [0, classes). */
TN_API const char *tn_dataset_class_name(const tn_dataset *set, int label);
TN_API int64_t tn_dataset_class_count(const tn_dataset *set, int label);
/** Path and label of an item. A packed set has "images.npy[12]". NULL and -1 outside. */
TN_API const char *tn_dataset_item_path(const tn_dataset *set, int64_t item);
TN_API int tn_dataset_item_label(const tn_dataset *set, int64_t item);
/** tn_image_jpeg() of an item, of a packed set too. TN_ERR_ARGUMENT outside. */
TN_API TN_CHECKED tn_status tn_dataset_jpeg(const tn_dataset *set, int64_t item,
                                            const tn_jpeg_opts *opts, tn_jpeg *out);

/**
 * What a program should say before it trains: only one class, each image a class of its own, an empty
 * class folder, a class that the other set lacks, what was passed over because it is no regular file, no
 * image by name, hidden or a system's, a loop of links. One sentence each.
 */
TN_API int tn_dataset_num_notices(const tn_dataset *set);
TN_API const char *tn_dataset_notice(const tn_dataset *set, int index);

/**
 * Are two sets the same? 32 hexadecimal digits (XXH3-128) of the names of the classes and of each item's label, path and
 * bytes of its file; not of what is in the files. Paths count from the last folder that all items lie in, so a set that was
 * moved stays the same.
 * @return TN_ERR_MEMORY
 */
TN_API TN_CHECKED tn_status tn_dataset_digest(const tn_dataset *set, char digest[33]);

/* ---- loaders ------------------------------------------------------------------------------ */

typedef enum tn_crop {
    TN_CROP_CENTRE, /**< scale the short side to `resize`, cut out the middle: evaluation */
    TN_CROP_RANDOM, /**< scale the short side to `resize`, cut out anywhere: Krizhevsky 2012 */
    TN_CROP_RANDOM_RESIZED /**< a random part of area and aspect below, scaled: Szegedy 2014 */
} tn_crop;

typedef enum tn_on_bad {
    TN_BAD_SKIP, /**< leave it out, count it, keep its name; fail above max_bad. Once bad it is left out
                      for as long as the loader lives, in every epoch */
    TN_BAD_STOP /**< tn_loader_next() fails and names it */
} tn_on_bad;

typedef struct tn_loader_opts {
    int batch;         /**< images a batch; required */
    int height, width; /**< pixels given out; required */
    int resize;        /**< CENTRE and RANDOM: short side, not below height and width; default: the
                     larger of them, and of a packed set its side, which then needs no scaling */
    tn_crop crop;
    float area[2];   /**< RANDOM_RESIZED: share of the image's area; default {0.08, 1} */
    float aspect[2]; /**< RANDOM_RESIZED: width / height; default {3/4, 4/3} */
    bool flip;       /**< mirror every other image, at random */
    float brightness, contrast,
        saturation; /**< factors from [1 - v, 1 + v], in random order; 0: none */
    float lighting; /**< deviation of PCA lighting noise; AlexNet's 0.1; 0: none */
    /**
     * Rows are mixed in pairs, the first two of a batch, the next two and so on: with alpha above 0, up to 100, and
     * one share s of each batch, drawn from Beta(alpha, alpha) by (seed, epoch, index) and rounded to a multiple of 1/256,
     *
     *     a' = s a + (1 - s) b,   b' = s b + (1 - s) a,   rounded to bytes
     *
     * and tn_batch says with which label, for tn_softmax_xent_mixed(). A row beside one that holds no image stays as it is.
     * Wants `shuffle`, or neighbours would be of one class. 0: none.   Source: Zhang et al. 2018, arXiv:1710.09412; one
     * share a batch, as their program has it.
     */
    float mixup;
    bool shuffle;   /**< a new order each epoch */
    bool drop_last; /**< leave out an epoch's last, short batch; else it is padded, see tn_batch */
    int threads;    /**< default: the number of cores */
    int queue;      /**< batches made ahead; default 4 */
    uint64_t seed;
    tn_on_bad on_bad;
    double
        max_bad; /**< SKIP: the share of the set that may be bad, in per cent; default 1; one file
                            is always allowed, but with TN_ZERO none */
    tn_device *device; /**< where the batches go, or NULL: their images lie in memory of
                            tn_device_host_alloc(). Of several ranks each then makes its own rows
                            only, the images of others are not set, and tn_loader_next() is called
                            by all. Borrowed: close the loader before it */
    int jpeg_maps; /**< MiB at most for maps of JPEG files: where rows of blocks lie in a baseline file's data, so that
                        from its second reading on little more than the crop is decoded, to the same pixels. Of 500 x 375
                        pixels a map is 4 kB (4:2:0) or 8 kB (4:4:4), of 12 megapixels 32 kB; 8 bytes an item come on top.
                        It is of the file's very bytes: of a file that was changed a new one is made. Files for which there
                        is no room are decoded as in the first epoch. Default 256; TN_ZERO: no maps */
} tn_loader_opts;

enum { TN_MAX_ARRAYS = 8 /* of a batch */ };

/**
 * A batch has the same shape always, though there may be fewer images than rows: in an epoch's last,
 * short batch, and where files are bad. The rows that hold an image come first, in the order of the
 * epoch; those that hold none come last, are black (zeros), have label -1, and enter no loss, mean,
 * count or statistic of a plan. Of several ranks this holds for each rank's rows.
 *
 * All tensors belong to the loader and are valid until the next call with it.
 */
typedef struct tn_batch {
    tn_tensor images; /**< batch x height x width x 3, u8 */
    tn_tensor labels; /**< batch, i32; -1 for rows that hold no image */
    int count;        /**< rows that hold an image: the first ones; of several ranks, of all of
                           them. 0 if no file of the batch can be read */
    int64_t epoch;    /**< from 0 */
    int64_t index;    /**< of the batch in its epoch, from 0 */
    /** With tn_loader_opts.mixup, else without data: of each row the label of what was mixed in, i32, its own where nothing
     *  was and -1 where it holds no image; and the share of its own image and label, f32, 1 where nothing was mixed in. */
    tn_tensor partners, shares;
    /** Of a source (<tenon/source.h>) its arrays, each with a row a sample, and images and labels have no data. Of a set
     *  of images these are images and labels, and partners and shares where there are such, again. */
    tn_tensor array[TN_MAX_ARRAYS];
    int num_arrays;
    int own; /**< rows of this rank that hold a sample; count, where there is one */
    /** What made each row, also of other ranks' rows, for whoever wants to find or make a batch again: which item of the set
     *  or source it holds, and its place in the epoch; -1 in rows that hold none. All random numbers of a row are functions
     *  of (seed, epoch, place). */
    const int64_t *item, *place;
    uint64_t seed; /**< tn_loader_opts.seed */
} tn_batch;

/** Reads, decodes and augments in its own threads. Use from one thread at a time. */
typedef struct tn_loader tn_loader;

/** @p set may be closed before the loader, which keeps what it needs of it. @return TN_ERR_ARGUMENT, TN_ERR_MEMORY */
TN_API TN_CHECKED tn_status tn_loader_open(tn_loader **out, const tn_dataset *set,
                                           const tn_loader_opts *opts);
TN_API void tn_loader_close(tn_loader *loader); /* NULL is fine; ends the threads */

TN_API int64_t tn_loader_batches(const tn_loader *loader); /* an epoch */

/**
 * The next batch. TN_END once at the end of each epoch; the call after it starts the next epoch. An
 * error comes again with each call until tn_loader_seek().
 * A file is judged on the whole of it, not on what a crop shows, when it is read for the first time (so
 * an epoch that reads it anew takes less time than the first); one that fails later, because it is gone
 * or was changed, is bad from then on. With TN_BAD_SKIP a bad file leaves its batch one image short (see
 * tn_batch) and changes no other.
 * @return TN_ERR_FORMAT or TN_ERR_IO naming a bad file, or how many there were and what was allowed
 */
TN_API TN_CHECKED tn_status tn_loader_next(tn_loader *loader, tn_batch *out);

/** What errors call an item of the loader's set or source: its path, "houses.csv[12]". Belongs to the loader until it is
 *  asked again. @return NULL outside of [0, items), or without memory */
TN_API const char *tn_loader_item_name(tn_loader *loader, int64_t item);

/** Make the next batch be this one: to resume a run in the middle of an epoch. An @p index of
 *  tn_loader_batches() is the end of the epoch: TN_END comes next. */
TN_API TN_CHECKED tn_status tn_loader_seek(tn_loader *loader, int64_t epoch, int64_t index);

/** Bad files found so far, each once, in the order found by the batches: path and reason. Where there
 *  are too many, those of the batch at which tn_loader_next() failed are among them. */
TN_API int64_t tn_loader_num_bad(const tn_loader *loader);
TN_API const char *tn_loader_bad_path(const tn_loader *loader, int64_t index);
TN_API const char *tn_loader_bad_reason(const tn_loader *loader, int64_t index);

/** Where a run's time went. Seconds since the loader was opened. */
typedef struct tn_loader_times {
    double waited;  /**< tn_loader_next() waiting for a batch: the program was starved */
    double elapsed; /**< from the first tn_loader_next() to the end of the last */
} tn_loader_times;
TN_API tn_loader_times tn_loader_time(const tn_loader *loader);

/* ---- packed sets -------------------------------------------------------------------------- */

/**
 * Decode a whole set once, scale each image's short side to @p side, cut out the middle, and write
 * images.npy (N x side x side x 3, u8), labels.npy (N, i32), classes.txt and names.txt (where each image lay in the set, a
 * line each, in quotes if need be, as lists have them) into @p folder, which
 * numpy opens and tn_dataset_open() takes. The folder, and those that it lies in, are made if they are not
 * there; within the set's own folder it is an error. A packed set that is there is replaced, once all of
 * the new one is on the disk.
 *
 * @param bad  if not NULL: called with path and reason of each file left out
 */
typedef struct tn_pack_opts {
    const char *folder;
    int side;       /**< default 256 */
    int threads;    /**< default: the number of cores */
    double max_bad; /**< as in tn_loader_opts */
    void (*bad)(void *arg, const char *path, const char *reason);
    void (*progress)(void *arg, int64_t done, int64_t of);
    void *arg;
} tn_pack_opts;
TN_API TN_CHECKED tn_status tn_dataset_pack(const tn_dataset *set, const tn_pack_opts *opts);

#ifdef __cplusplus
}
#endif
#endif
