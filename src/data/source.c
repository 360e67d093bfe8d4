/*
 * Sources of a program's own: what they must say of themselves, and how what they report becomes a sentence.
 */
#include <math.h>
#include <string.h>

#include "base/base.h"
#include "base/random.h"
#include "data/origin.h"

/* ---- what a source says of itself ----------------------------------------------------------- */

static tn_status check_array(const tn_source *s, int i)
{
    const tn_array *a = &s->array[i];
    if (tn_dtype_bytes(a->dtype) == 0)
        return tn_fail(TN_ERR_ARGUMENT, "source %s: array %s: dtype %d is no tn_dtype", s->name,
                       a->name, (int)a->dtype);
    if (a->row.ndim < 0 || a->row.ndim >= TN_MAX_DIMS)
        return tn_fail(TN_ERR_SHAPE, "source %s: array %s: a row of %d dimensions, not 0 to %d",
                       s->name, a->name, a->row.ndim, TN_MAX_DIMS - 1);
    if (a->labels && a->dtype != TN_I32)
        return tn_fail(TN_ERR_ARGUMENT, "source %s: array %s: labels are i32, not %s", s->name,
                       a->name, tn_dtype_name(a->dtype));
    for (int k = 0; k < i; k++)
        if (strcmp(s->array[k].name, a->name) == 0)
            return tn_fail(TN_ERR_ARGUMENT, "source %s: two arrays are named %s", s->name, a->name);
    return TN_OK;
}

static tn_status check_source(const tn_source *s)
{
    if (!s->name)
        return tn_fail(TN_ERR_ARGUMENT, "source: it has no name");
    if (!s->fill)
        return tn_fail(TN_ERR_ARGUMENT, "source %s: it has no fill()", s->name);
    if (s->items < 1)
        return tn_fail(TN_ERR_ARGUMENT, "source %s: %lld items are not above 0", s->name,
                       (long long)s->items);
    if (!s->array[0].name)
        return tn_fail(TN_ERR_ARGUMENT, "source %s: it has no array", s->name);
    for (int i = 0; i < TN_MAX_ARRAYS && s->array[i].name; i++)
        TN_TRY(check_array(s, i));
    return TN_OK;
}

/* A source makes its rows itself: what would do nothing is refused. */
static tn_status check_options(const tn_source *s, const tn_loader_opts *o)
{
    const struct {
        const char *name;
        bool set;
    } of_images[] = {{"height", o->height != 0},
                     {"width", o->width != 0},
                     {"resize", o->resize != 0},
                     {"crop", o->crop != 0},
                     {"area", o->area[0] != 0 || o->area[1] != 0},
                     {"aspect", o->aspect[0] != 0 || o->aspect[1] != 0},
                     {"flip", o->flip},
                     {"brightness", o->brightness != 0},
                     {"contrast", o->contrast != 0},
                     {"saturation", o->saturation != 0},
                     {"lighting", o->lighting != 0},
                     {"mixup", o->mixup != 0}};
    for (size_t i = 0; i < TN_COUNT(of_images); i++)
        if (of_images[i].set)
            return tn_fail(TN_ERR_ARGUMENT,
                           "loader: %s is for sets of images; the source %s makes its rows itself",
                           of_images[i].name, s->name);
    return TN_OK;
}

tn_status tn_origin_of_source(tn_origin *out, const tn_source *source, const tn_loader_opts *opts)
{
    TN_TRY(check_source(source));
    TN_TRY(check_options(source, opts));
    *out = (tn_origin){.source = *source, .what = "items", .chunk = 1};
    return TN_OK;
}

/* ---- rows ----------------------------------------------------------------------------------- */

tn_shape tn_origin_shape(const tn_origin *o, int array, int batch)
{
    const tn_shape *row = &o->source.array[array].row;
    tn_shape shape = {row->ndim + 1, {batch}};
    memcpy(&shape.dim[1], row->dim, (size_t)row->ndim * sizeof *row->dim);
    return shape;
}

tn_status tn_origin_measure(tn_origin *o, int batch)
{
    for (o->arrays = 0; o->arrays < TN_MAX_ARRAYS; o->arrays++) {
        const tn_array *a = &o->source.array[o->arrays];
        if (!a->name)
            break;
        const tn_shape shape = tn_origin_shape(o, o->arrays, batch);
        size_t bytes;
        if (tn_shape_bytes(&shape, a->dtype, &bytes) != TN_OK)
            return tn_fail(TN_ERR_SHAPE, "source %s: array %s, %d rows: %s", o->source.name,
                           a->name, batch, tn_error());
        o->row_bytes[o->arrays] = bytes / (size_t)batch;
    }
    return TN_OK;
}

char *tn_origin_name(const tn_origin *o, int64_t item)
{
    if (o->name)
        return tn_copy_text(o->name(o->source.arg, item));
    return tn_format("%s[%lld]", o->source.name, (long long)item);
}

tn_status tn_origin_fill(const tn_origin *o, const tn_fill *at)
{
    if (o->name)
        return o->source.fill(o->source.arg, at);
    tn_error_kept kept;
    tn_foreign_begin(&kept);
    return tn_foreign_end(&kept, o->source.fill(o->source.arg, at), "%s[%lld]", o->source.name,
                          (long long)at->item);
}

/* ---- for fill() ----------------------------------------------------------------------------- */

double tn_fill_random(const tn_fill *at, uint64_t n)
{
    if (!at)
        return NAN;
    const tn_random4 r = tn_random_at(at->seed, TN_RANDOM_SOURCE,
                                      (uint64_t)at->epoch << 32 | (uint64_t)at->place, n);
    return (double)((uint64_t)r.word[0] << 21 | r.word[1] >> 11) * 0x1p-53;
}
