/*
 * A set of images as a source: rows of pixels and labels, a filler a thread.
 */
#include "base/base.h"
#include "data/filler.h"
#include "data/jpeg_maps.h"
#include "data/origin.h"

enum { MAPS_MEGABYTES = 256 };

static tn_status begin(void *arg, void **worker)
{
    tn_filler *f = tn_alloc(1, sizeof *f);
    if (!f)
        return tn_no_memory("loader", sizeof *f);
    const tn_status status = tn_filler_create(f, arg);
    if (status == TN_OK)
        *worker = f;
    else
        tn_free(f);
    return status;
}

static void end(void *arg, void *worker)
{
    (void)arg;
    tn_filler_destroy(worker);
    tn_free(worker);
}

static void label(void *arg, const tn_fill *at)
{
    const tn_recipe *r = arg;
    *(int32_t *)at->row[TN_SET_LABELS] = r->set->item[at->item].label;
}

static tn_status fill(void *arg, const tn_fill *at)
{
    TN_TRY(tn_filler_fill(at->worker, arg, at->item, at->judge, at->epoch, at->place,
                          at->row[TN_SET_IMAGES]));
    label(arg, at);
    return TN_OK;
}

static const char *name(void *arg, int64_t item)
{
    const tn_recipe *r = arg;
    return r->set->item[item].path;
}

static void close_set(void *arg)
{
    tn_recipe *r = arg;
    tn_dataset_close(r->held);
    tn_jpeg_maps_destroy(r->maps);
    tn_free(r);
}

/* What the loader's option allows; none of a packed set. */
static tn_status create_maps(tn_recipe *r, const tn_dataset *set, int megabytes)
{
    TN_COMPLETE(megabytes, MAPS_MEGABYTES);
    if (set->packed)
        return TN_OK;
    return tn_jpeg_maps_create(&r->maps, tn_dataset_count(set), (size_t)megabytes << 20);
}

tn_status tn_origin_of_set(tn_origin *out, const tn_dataset *set, const tn_loader_opts *opts)
{
    tn_recipe *r = tn_alloc(1, sizeof *r);
    if (!r)
        return tn_no_memory("loader", sizeof *r);
    tn_status status = tn_augment_complete(&r->augment, opts, tn_dataset_side(set));
    if (status == TN_OK)
        status = create_maps(r, set, opts->jpeg_maps);
    if (status != TN_OK) {
        tn_free(r);
        return status;
    }
    r->set = r->held = tn_dataset_hold(set);
    r->seed = opts->seed;
    const char *partners =
        r->augment.mixup > 0 ? "partners" : NULL; /* without a name: no such array */
    *out = (tn_origin){
        .source = {.name = "images",
                   .items = tn_dataset_count(set),
                   .array = {{"images", TN_U8, TN_SHAPE(opts->height, opts->width, 3), false},
                             {"labels", TN_I32, {0}, true},
                             {partners, TN_I32, {0}, true},
                             {"shares", TN_F32, {0}, false}},
                   .fill = fill,
                   .begin = begin,
                   .end = end,
                   .arg = r},
        .mixup = r->augment.mixup,
        .what = "images",
        .one_file = set->packed != NULL,
        /* A file takes a millisecond, a packed image a hundredth of that: then locks would show. */
        .chunk = set->packed ? 8 : 1,
        .name = name,
        .label = label,
        .close = close_set};
    return TN_OK;
}
