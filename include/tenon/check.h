/**
 * @file
 * The doctor of sets: what is wrong with the pictures that a network is to learn from, before it does.
 *
 *     tn_check_set(&check, train, &(tn_check_opts){.val = val, .size = 224});
 *     for (int64_t i = 0; i < tn_check_num_findings(check); i++)
 *         puts(tn_check_finding(check, i)->text);
 *     tn_check_close(check);
 *
 * Every file is read once and decoded, on all cores; none is changed. What is found, and in which order, does not depend
 * on the number of threads.
 *
 * Pictures are counted through: first those of the set, then those of val. Of each a hash of its bytes (XXH3-128) is
 * taken, and two of what it looks like (pHash and dHash of 64 x 64 pixels), also of its mirror image; where both differ in
 * at most 12 bits (10 in sets of more than 20,000) pictures are alike. Whether that holds for this set is measured: of
 * 200,000 pairs of pictures of different classes at most one in 100,000 may be alike. If more are, 6 bits are tried, and
 * then none: tn_check_limit() tells. No hash sees pictures half of which was cut away, or collages.
 *
 * Threads: a tn_check that nobody adds to may be read by several at once.
 */
#ifndef TENON_CHECK_H
#define TENON_CHECK_H

#include <tenon/data.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Kinds of findings, the gravest first. */
typedef enum tn_find {
    TN_FIND_BROKEN,    /**< cannot be read: what a loader would say */
    TN_FIND_CONFLICT,  /**< the same picture in two classes: one label is wrong for sure */
    TN_FIND_LEAK,      /**< the same or nearly the same picture in the set and in val */
    TN_FIND_ONE_CLASS, /**< nothing to tell apart */
    TN_FIND_EMPTY,     /**< a class without a picture that can be read */
    TN_FIND_SHORTCUT, /**< the class is told by something that is not in the picture: bytes, width, height, aspect, format,
                            JPEG quality, grey, mean colour */
    TN_FIND_SAME,     /**< the same bytes, or the same pixels, twice */
    TN_FIND_ALIKE,    /**< nearly the same picture twice: recompressed, scaled, mirrored, ... */
    TN_FIND_DOUBTFUL, /**< a model is surer of another class than it is of that class on average: tn_check_doubt() */
    TN_FIND_UNEQUAL, /**< the largest class is over four times as large as the smallest */
    TN_FIND_FEW,     /**< a class of under 20 pictures */
    TN_FIND_FLAT,    /**< one colour: every channel's deviation is under 5 of 255 */
    TN_FIND_ODD,     /**< over three times as long as wide, or as wide as long */
    TN_FIND_SMALL,   /**< the short side is under tn_check_opts.size: it will be scaled up */
    TN_FIND_MIXED,   /**< grey, turned by EXIF or of another format in some classes only */
    TN_FINDS
} tn_find;

/** "broken", "conflict", "leak", "one class", ... @return NULL outside */
TN_API const char *tn_find_name(tn_find kind);

typedef struct tn_check_opts {
    const tn_dataset
        *val; /**< with the classes of the set (tn_dataset_opts.classes_of); NULL: there is none */
    int size; /**< pixels on a side that a network will see; default 224 */
    int threads;                                           /**< default: the number of cores */
    void (*progress)(void *arg, int64_t done, int64_t of); /**< called by one thread at a time */
    void *arg;
} tn_check_opts;

/** What was measured. */
typedef struct tn_check tn_check;

/** Looks at a set. @p set and val may be closed before the result. @return TN_ERR_ARGUMENT, TN_ERR_MEMORY; no finding is
 *  an error, nor a set all of whose files are broken */
TN_API TN_CHECKED tn_status tn_check_set(tn_check **out, const tn_dataset *set,
                                         const tn_check_opts *opts);
TN_API void tn_check_close(tn_check *check); /* NULL is fine */

/** A picture that a finding is about. */
typedef struct tn_suspect {
    int64_t item;
    const char *
        why; /**< "the same bytes as a/1.jpg"; NULL: it is what the others are compared with, or text says all */
    bool leave_out; /**< without it, and the others marked so, the finding is gone */
} tn_suspect;

typedef struct tn_finding {
    tn_find kind;
    const char *text; /**< one sentence, with its numbers */
    int64_t count;
    const tn_suspect *suspect; /**< [count]; of pictures that look alike the largest first */
    int num_classes;
    const int
        *label; /**< [num_classes] that it is about: of UNEQUAL the smallest and the largest */
} tn_finding;

/** All of a kind follow each other; within one, and of the suspects but for that, in the order of the pictures. Files that
 *  cannot be read are one finding with all of them, as are doubtful, flat, odd and small ones; pictures that are the same
 *  or alike are a finding a group, and each picture is in one group at most.
 *  @return NULL outside */
TN_API int64_t tn_check_num_findings(const tn_check *check);
TN_API const tn_finding *tn_check_finding(const tn_check *check, int64_t index);

/** How far apart two pictures may be to count as alike. */
typedef struct tn_check_limit {
    int bits;         /**< 12, 10 or 6; -1: only the same pictures were looked for */
    int64_t pairs;    /**< of different classes that were tried; 0: there are none */
    int64_t alike[2]; /**< of those, at the first limit and at 6 bits */
    const char *text; /**< one sentence */
} tn_check_limit;
TN_API const tn_check_limit *tn_check_limit_of(const tn_check *check);

/** One picture. */
typedef struct tn_checked {
    const char *path;
    const char *
        problem; /**< NULL if it can be read; else the rest is unknown, but for label, val and bytes */
    int label;
    bool val;
    int width, height;  /**< upright */
    int orientation;    /**< 1 to 8, as EXIF has it */
    int64_t bytes;      /**< of the file; of a picture of a packed set those of its pixels */
    const char *format; /**< "JPEG", "PNG", "WebP", "GIF", "BMP", "PNM"; "packed" */
    int quality;        /**< a JPEG's, 1 to 100 as libjpeg counts it; else 0 */
    bool grey;
    double mean[3]; /**< R, G, B, 0 to 255 */
} tn_checked;

TN_API int64_t tn_check_count(const tn_check *check);
/** @return whether there is such a picture; else @p out is unchanged */
TN_API bool tn_check_item(const tn_check *check, int64_t item, tn_checked *out);

/** The least, those that a twentieth, a half and nineteen twentieths are not above, and the most. */
typedef struct tn_spread {
    double least, low, median, high, most;
} tn_spread;

/** The set, or val, of what can be read. */
typedef struct tn_check_side {
    int64_t items, read;                   /**< pictures, and those that can be read */
    int64_t bytes;                         /**< of the files that can be read */
    tn_spread width, height, aspect, file; /**< aspect: width by height; file: bytes */
    double mean[3],
        deviation
            [3]; /**< R, G, B, 0 to 255, each picture counting the same; with its short side scaled down to
                                       the size. The deviation between pixels of a picture is that of 64 x 64 pixels
                                       times what up to 128 pictures say that this lacks */
} tn_check_side;
/** @return NULL if there is no val */
TN_API const tn_check_side *tn_check_side_of(const tn_check *check, bool val);

/** Pictures of a class that can be read. 0 outside. */
TN_API int64_t tn_check_class_count(const tn_check *check, bool val, int label);

/**
 * Adds what a model thinks of labels (confident learning: Northcutt, Jiang, Chuang 2021): a picture is doubtful if the model
 * gives another class at least the share that it gives pictures of that class on average, and more than its own. Right only
 * for pictures that the model was not trained on.
 *
 * @param val    of val's pictures; else of the set's
 * @param share  [pictures][classes]: the model's softmax; of pictures that cannot be read it is not looked at
 */
TN_API TN_CHECKED tn_status tn_check_doubt(tn_check *check, bool val, const float *share);

#ifdef __cplusplus
}
#endif
#endif
