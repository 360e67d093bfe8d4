/*
 * What the files of the doctor (<tenon/check.h>) share.
 *
 *   check.c           begins and ends it, and answers
 *   check_look.c      one picture: reads, decodes, hashes and measures it
 *   check_measure.c   all of them, in threads; what a side comes to
 *   check_alike.c     which are the same, or look alike: limit, groups
 *   check_groups.c    groups as findings
 *   check_files.c     findings about single files
 *   check_classes.c   findings about classes
 *   check_shortcut.c  what tells a class and is not in the picture
 *   check_doubt.c     labels that a model doubts
 *   check_found.c     the list of findings
 */
#ifndef TN_DATA_CHECK_H
#define TN_DATA_CHECK_H

#include <tenon/check.h>

#include "base/arena.h"
#include "base/base.h"
#include "base/digest.h"
#include "data/dataset.h"
#include "data/hash.h"
#include "data/image.h"
#include "data/resample.h"

enum { TN_SAMPLED = 128, TN_SIDES = 2 };
enum { TN_STRICT_BITS = 6 /* the limit of sets whose pictures look alike by nature */ };

/* What is remembered of a picture. */
typedef struct tn_look {
    char *problem; /* of a file that cannot be read; else NULL */
    tn_hashes hash;
    tn_digest bytes, pixels; /* of its pixels, upright, "" unless it was asked */
    const char *format;
    int64_t size; /* of the file */
    uint32_t sum[3],
        square[3]; /* of R, G, B over 64 x 64 pixels: whole numbers, so any order gives the same */
    int width, height, orientation, quality;
    bool grey, flat;
    bool hashed; /* it is not too even for its hash to mean anything */
} tn_look;

/* Numbers of a picture that spreads and shortcuts are asked of. */
static inline double tn_look_width(const tn_look *l)
{
    return l->width;
}
static inline double tn_look_height(const tn_look *l)
{
    return l->height;
}
static inline double tn_look_aspect(const tn_look *l)
{
    return (double)l->width / l->height;
}
static inline double tn_look_bytes(const tn_look *l)
{
    return (double)l->size;
}

/* Variances within a picture by channel, as the network's size and as 64 x 64 pixels have them. */
typedef struct tn_sampled {
    double whole[3], small[3];
} tn_sampled;

struct tn_check {
    tn_dataset *set[TN_SIDES];   /* held; the second NULL if there is no val */
    int64_t first[TN_SIDES + 1]; /* pictures of side s: [first[s], first[s + 1]) */
    tn_look *look;
    tn_check_opts opts; /* complete */
    tn_sampled sampled[TN_SIDES][TN_SAMPLED];
    tn_check_side side[TN_SIDES];
    int64_t *class_count[TN_SIDES]; /* [classes], of what can be read */
    int num_classes;
    tn_check_limit limit;
    tn_arena text; /* and suspects and labels of findings */
    tn_finding *finding;
    size_t num_findings, finding_capacity;
};

static inline int tn_check_side_at(const tn_check *c, int64_t item)
{
    return item >= c->first[1];
}

static inline const tn_item *tn_check_source(const tn_check *c, int64_t item)
{
    const int side = tn_check_side_at(c, item);
    return &c->set[side]->item[item - c->first[side]];
}

static inline bool tn_check_reads(const tn_check *c, int64_t item)
{
    return !c->look[item].problem;
}

/* ---- one picture ---- */

/* What a thread has of its own. Begins zeroed. */
typedef struct tn_looker {
    tn_decoder *decoder;
    uint8_t *image; /* of a packed set */
    uint8_t *pixels;
    size_t room; /* of pixels */
    tn_resampler resampler;
} tn_looker;

tn_status tn_looker_create(tn_looker *l, const tn_check *c);
void tn_looker_destroy(tn_looker *l);
/* All of c->look[item]. Fails only where that is not the file's fault: TN_ERR_MEMORY. */
tn_status tn_look_at(tn_looker *l, tn_check *c, int64_t item);
/* look[item].pixels, of one that can be read. */
tn_status tn_look_at_pixels(tn_looker *l, tn_check *c, int64_t item);

/* ---- passes, in this order ---- */

/* Calls look(l, c, item) of all of items[count], in threads; NULL: of every picture, and progress is told. */
tn_status tn_check_each(tn_check *c, const int64_t *items, int64_t count,
                        tn_status (*look)(tn_looker *l, tn_check *c, int64_t item));
tn_status tn_check_sides(tn_check *c);
tn_status tn_check_files(tn_check *c);
tn_status tn_check_alike(tn_check *c);
tn_status tn_check_classes(tn_check *c);
tn_status tn_check_shortcuts(tn_check *c, bool *told_by_format, bool *told_by_grey);

/* Pictures in groups: those whose `group` is the same number, the least of its members. */
typedef struct tn_groups {
    int32_t *same, *alike; /* [count] */
} tn_groups;
tn_status tn_check_group_findings(tn_check *c, const tn_groups *g);

/* ---- findings ---- */

/* Text that lives as long as the check; NULL when there is no memory. */
const char *tn_check_text(tn_check *c, const char *format, ...) TN_PRINTF(2, 3);

/* A finding with room for so many suspects and labels, all zero, or NULL after TN_ERR_MEMORY was said; the pointer is valid
 * until the next one. The text is the caller's to set, by tn_check_text(). */
tn_finding *tn_check_add(tn_check *c, tn_find kind, int64_t suspects, int labels);
static inline tn_suspect *tn_check_suspects(const tn_finding *f)
{
    return (tn_suspect *)(uintptr_t)f->suspect; /* const for the program alone */
}
static inline int *tn_check_labels(const tn_finding *f)
{
    return (int *)(uintptr_t)f->label;
}
tn_status tn_check_no_memory(void);
void tn_check_sort(tn_check *c);

#endif
