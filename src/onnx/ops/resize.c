/* Resize and Upsample: the layer resize where that knows how, else products with matrices of weights. */
#include <math.h>
#include <string.h>

#include <tenon/shapes.h>

#include "onnx/ops/_resize.h"

/* ---- sizes ------------------------------------------------------------------------------------ */

/* The dimensions that sizes and scales are of; -1: refused. */
static int read_axes(tn_onnx *o, const tn_onnx_node *n, int ndim, int axes[TN_MAX_DIMS])
{
    int64_t said[TN_MAX_DIMS];
    int count;
    if (!tn_onnx_wholes(o, n, "axes", -1, said, TN_MAX_DIMS, &count))
        return -1;
    for (int i = 0; i < (count < 0 ? ndim : count); i++) {
        axes[i] = count < 0 ? i : tn_onnx_axis(o, n, ndim, said[i]);
        if (axes[i] < 0)
            return -1;
    }
    return count < 0 ? ndim : count;
}

/* Input i, which says one number for each of those dimensions; NULL: refused. */
static const tn_onnx_number *numbers_of(tn_onnx *o, const tn_onnx_node *n, int i, int count)
{
    tn_onnx_known *k = tn_onnx_given(n, i);
    const tn_onnx_number *number = NULL;
    if (k && k->count == count && tn_onnx_numbers(o, k, &number) == TN_OK && number)
        return number;
    (void)tn_onnx_refuse(o, n, "its input \"%s\" is not %d numbers that are known", n->in[i]->name,
                         count);
    return NULL;
}

static bool set_size(tn_onnx *o, const tn_onnx_node *n, tn_onnx_resize *r, int axis, double size)
{
    if (size >= 1 && size <= INT32_MAX) {
        r->out.dim[axis] = (int64_t)size;
        return true;
    }
    (void)tn_onnx_refuse(o, n, "dimension %d of %s would be %g", axis, tn_shape_format(&r->in).text,
                         size);
    return false;
}

static bool take_scales(tn_onnx *o, const tn_onnx_node *n, tn_onnx_resize *r, const float *scale,
                        const int *axes, int count)
{
    for (int i = 0; i < count; i++) {
        if (!(scale[i] >= 0x1p-16f && scale[i] <= 0x1p16f)) {
            (void)tn_onnx_refuse(o, n, "its scale is %g", (double)scale[i]);
            return false;
        }
        r->scale[axes[i]] = scale[i];
        if (!set_size(o, n, r, axes[i], floor((double)((float)r->in.dim[axes[i]] * scale[i]))))
            return false;
    }
    return true;
}

/* One scale for all, so that no size is larger than is said, or none smaller. */
static bool keep_aspect(tn_onnx *o, const tn_onnx_node *n, tn_onnx_resize *r, const int *axes,
                        int count, bool larger)
{
    double scale = larger ? 0 : INFINITY;
    for (int i = 0; i < count; i++) {
        const double own = (double)r->out.dim[axes[i]] / (double)r->in.dim[axes[i]];
        scale = larger ? fmax(scale, own) : fmin(scale, own);
    }
    for (int i = 0; i < count; i++) {
        if (!set_size(o, n, r, axes[i], floor(scale * (double)r->in.dim[axes[i]] + 0.5)))
            return false;
        r->scale[axes[i]] = (float)scale;
    }
    return true;
}

static bool take_sizes(tn_onnx *o, const tn_onnx_node *n, tn_onnx_resize *r, tn_value x,
                       const tn_onnx_number *size, const int *axes, int count)
{
    static const char *const policies[] = {"stretch", "not_larger", "not_smaller", NULL};
    const int policy = tn_onnx_word(o, n, "keep_aspect_ratio_policy", policies, 0);
    if (policy < 0)
        return false;
    for (int i = 0; i < count; i++) {
        const int axis = axes[i];
        const tn_onnx_number has = tn_onnx_dim(o, x, axis);
        if (has.whole == size[i].whole && has.times_n == size[i].times_n)
            continue;
        if (size[i].times_n) {
            (void)tn_onnx_refuse(o, n, "its sizes depend on the batch");
            return false;
        }
        if (!set_size(o, n, r, axis, (double)size[i].whole))
            return false;
        r->scale[axis] = (float)((double)r->out.dim[axis] / (double)r->in.dim[axis]);
    }
    return policy == 0 || keep_aspect(o, n, r, axes, count, policy == 2);
}

/* Where they are said: an attribute of Upsample's, or inputs. */
static bool read_sizes(tn_onnx *o, const tn_onnx_node *n, tn_onnx_resize *r, tn_value x)
{
    float scale[TN_MAX_DIMS];
    int axes[TN_MAX_DIMS];
    const bool resize = strcmp(n->op, "Resize") == 0;
    const int scales = resize && o->opset >= 11 ? 2 : 1, count = read_axes(o, n, r->in.ndim, axes);
    const tn_onnx_known *k = tn_onnx_given(n, scales);
    if (count < 0)
        return false;
    if (!resize && o->opset < 9) {
        if (tn_onnx_floats(n, "scales", scale, TN_MAX_DIMS) == (size_t)count)
            return take_scales(o, n, r, scale, axes, count);
        (void)tn_onnx_refuse(o, n, "it has not a scale for each dimension");
        return false;
    }
    const bool by_size = resize && (!tn_onnx_has(n, scales) || (k && k->count == 0));
    if (by_size && !tn_onnx_has(n, 3)) {
        (void)tn_onnx_refuse(o, n, "it has neither scales nor sizes");
        return false;
    }
    const tn_onnx_number *number = numbers_of(o, n, by_size ? 3 : scales, count);
    if (!number)
        return false;
    if (by_size)
        return take_sizes(o, n, r, x, number, axes, count);
    for (int i = 0; i < count; i++)
        scale[i] = (float)number[i].real;
    return take_scales(o, n, r, scale, axes, count);
}

/* ---- modes ------------------------------------------------------------------------------------ */

static bool read_modes(tn_onnx *o, const tn_onnx_node *n, tn_onnx_resize *r)
{
    static const char *const modes[] = {"nearest", "linear", "cubic", NULL};
    static const char *const places[] = {
        [TN_ONNX_HALF_PIXEL] = "half_pixel",
        [TN_ONNX_PYTORCH_HALF_PIXEL] = "pytorch_half_pixel",
        [TN_ONNX_HALF_PIXEL_SYMMETRIC] = "half_pixel_symmetric",
        [TN_ONNX_ALIGN_CORNERS] = "align_corners",
        [TN_ONNX_ASYMMETRIC] = "asymmetric",
        [TN_ONNX_TF_HALF_PIXEL] = "tf_half_pixel_for_nn",
        NULL,
    };
    static const char *const rounds[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil",
                                         NULL};
    const bool old = strcmp(n->op, "Upsample") == 0 || o->opset < 11;
    const int mode =
        tn_onnx_is(n, "mode", "bilinear") ? TN_ONNX_LINEAR : tn_onnx_word(o, n, "mode", modes, 0);
    const int place = tn_onnx_word(o, n, "coordinate_transformation_mode", places,
                                   old ? TN_ONNX_ASYMMETRIC : TN_ONNX_HALF_PIXEL);
    const int round =
        tn_onnx_word(o, n, "nearest_mode", rounds, old ? TN_ONNX_INWARDS : TN_ONNX_PREFER_FLOOR);
    if (mode < 0 || place < 0 || round < 0)
        return false;
    r->mode = (unsigned)mode;
    r->places = (tn_onnx_places)place;
    r->rounds = (tn_onnx_rounds)round;
    r->a = tn_onnx_real(n, "cubic_coeff_a", -0.75);
    r->exclude = tn_onnx_int(n, "exclude_outside", 0) && r->mode != TN_ONNX_NEAREST;
    if (!tn_onnx_int(n, "antialias", 0))
        return true;
    (void)tn_onnx_refuse(o, n, "it is antialiased");
    return false;
}

/* ---- as a layer ------------------------------------------------------------------------------- */

/* Which place is that of all the axes that change; false: of none of the layer's, or not of all the same. */
static bool find_place(const tn_onnx_resize *r, tn_resize_opts *opts)
{
    bool one = false, more = false, grows = false, shrinks = false;
    for (int i = 2; i < r->in.ndim; i++) {
        grows = grows || r->scale[i] > 1;
        shrinks = shrinks || r->scale[i] < 1;
        one = one || (r->out.dim[i] == 1 && r->in.dim[i] > 1);
        more = more || (r->out.dim[i] > 1 && r->in.dim[i] > 1);
    }
    static const tn_resize_place places[] = {
        [TN_ONNX_HALF_PIXEL] = TN_RESIZE_MIDDLES,
        [TN_ONNX_PYTORCH_HALF_PIXEL] = TN_RESIZE_MIDDLES,
        [TN_ONNX_HALF_PIXEL_SYMMETRIC] = TN_RESIZE_SYMMETRIC,
        [TN_ONNX_ALIGN_CORNERS] = TN_RESIZE_CORNERS,
        [TN_ONNX_ASYMMETRIC] = TN_RESIZE_EDGES,
        [TN_ONNX_TF_HALF_PIXEL] = TN_RESIZE_MIDDLES,
    };
    const tn_resize_round rounds[] = {
        [TN_ONNX_PREFER_FLOOR] = TN_RESIZE_HALF_DOWN,
        [TN_ONNX_PREFER_CEIL] = TN_RESIZE_HALF_UP,
        [TN_ONNX_FLOOR] = TN_RESIZE_FLOOR,
        [TN_ONNX_CEIL] = TN_RESIZE_CEIL,
        [TN_ONNX_INWARDS] = shrinks ? TN_RESIZE_CEIL : TN_RESIZE_FLOOR,
    };
    opts->place = places[r->places];
    opts->round = r->mode == TN_ONNX_NEAREST ? rounds[r->rounds] : TN_RESIZE_HALF_UP;
    if (r->places == TN_ONNX_PYTORCH_HALF_PIXEL && one)
        opts->place = TN_RESIZE_EDGES; /* where the first one lies at 0 */
    if (r->places == TN_ONNX_TF_HALF_PIXEL)
        opts->round = TN_RESIZE_HALF_UP; /* half a pixel behind the middle, rounded down */
    return !(r->places == TN_ONNX_PYTORCH_HALF_PIXEL && one && more) &&
           !(r->mode == TN_ONNX_NEAREST && r->rounds == TN_ONNX_INWARDS && grows && shrinks) &&
           !(r->places == TN_ONNX_TF_HALF_PIXEL &&
             (r->mode != TN_ONNX_NEAREST || r->rounds != TN_ONNX_FLOOR));
}

/* Is it of images, N x C x H x W or N x C x W, and by the layer's rules? */
static bool is_layer(const tn_onnx_resize *r, tn_resize_opts *opts)
{
    const int ndim = r->in.ndim;
    if (ndim < 3 || ndim > 4 || tn_onnx_resizes(r, 1) || r->mode == TN_ONNX_CUBIC || r->exclude ||
        !find_place(r, opts))
        return false;
    opts->kind = r->mode == TN_ONNX_LINEAR ? TN_RESIZE_LINEAR : TN_RESIZE_NEAREST;
    opts->size[0] = ndim == 4 ? (int)r->out.dim[2] : 1;
    opts->size[1] = (int)r->out.dim[ndim - 1];
    if (ndim == 4 && !tn_onnx_is_ratio(r, 2))
        opts->row_scale = r->scale[2];
    if (!tn_onnx_is_ratio(r, ndim - 1))
        opts->column_scale = r->scale[ndim - 1];
    return true;
}

static tn_status add_layer(tn_onnx *o, const tn_onnx_node *n, tn_value x, bool image,
                           tn_resize_opts *opts)
{
    opts->name = image ? n->name : tn_onnx_name(o, n, "image");
    if (image)
        return tn_onnx_give(o, n, 0, tn_resize(o->g, x, opts));
    x = tn_onnx_reshape(o, n, "row", x, TN_SHAPE(0, 0, 1, -1));
    return tn_onnx_give(
        o, n, 0,
        tn_reshape(o->g, tn_resize(o->g, x, opts),
                   &(tn_reshape_opts){.name = n->name, .shape = TN_SHAPE(0, 0, -1)}));
}

static tn_status add_resize(tn_onnx *o, const tn_onnx_node *n)
{
    tn_onnx_resize r = {{0}};
    tn_resize_opts opts = {0};
    bool changes = false;
    tn_value x;
    if (!tn_onnx_x(o, n, 0, &x) || !read_modes(o, n, &r))
        return TN_OK;
    TN_TRY(tn_value_shape(o->g, x, &r.in));
    r.out = r.in;
    for (int i = 0; i < TN_MAX_DIMS; i++)
        r.scale[i] = 1;
    if (!read_sizes(o, n, &r, x))
        return TN_OK;
    for (int i = 0; i < r.in.ndim; i++) {
        changes = changes || tn_onnx_resizes(&r, i);
        if (r.places == TN_ONNX_ALIGN_CORNERS && !tn_onnx_is_ratio(&r, i))
            return tn_onnx_refuse(
                o, n, "programs differ in what align_corners is with a scale of %g from %lld",
                (double)r.scale[i], (long long)r.in.dim[i]);
    }
    if (r.in.ndim == 0 || tn_onnx_resizes(&r, 0))
        return tn_onnx_refuse(o, n, "it makes %s of %s", tn_shape_format(&r.out).text,
                              tn_shape_format(&r.in).text);
    if (!changes)
        return tn_onnx_give(o, n, 0, x);
    if (is_layer(&r, &opts))
        return add_layer(o, n, x, r.in.ndim == 4, &opts);
    return tn_onnx_give(o, n, 0, tn_onnx_resize_by_products(o, n, &r, x));
}

const tn_onnx_ops tn_onnx_ops_resize = {{{"Resize", 10, add_resize}, {"Upsample", 7, add_resize}}};
