#include "lab_conv.h"

#include "graph/op.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    const lab_conv_case *o = opts;
    (void)num_x;
    const tn_value y = tn_conv2d(g, x[0], &o->conv);
    return o->relu ? tn_relu(g, y, NULL) : y;
}

/* The options as the layer completes them, and the letters of the formula. */
typedef struct sizes {
    int64_t N, C, H, W, K, P, Q, G, R, S;
    int stride[2], pad[2], dilation[2];
} sizes;

static void pair(int out[2], const int in[2], int fallback)
{
    out[0] = in[0] ? in[0] : fallback;
    out[1] = in[1] ? in[1] : out[0];
}

static sizes read_sizes(const lab_ref *r)
{
    const tn_conv2d_opts *o = &((const lab_conv_case *)r->opts)->conv;
    const int64_t *x = r->x_shape[0].dim, *y = r->y_shape.dim, *w = r->w_shape[0].dim;
    sizes z = {.N = x[0], .C = x[1], .H = x[2], .W = x[3], .K = y[1], .P = y[2], .Q = y[3]};
    z.G = o->groups ? o->groups : 1;
    z.R = w[2];
    z.S = w[3];
    pair(z.stride, o->stride, 1);
    for (int i = 0; i < 2; i++)
        z.pad[i] = lab_pad(o->kernel, o->pad, i);
    pair(z.dilation, o->dilation, 1);
    return z;
}

typedef void visit(const lab_ref *r, int64_t y, int64_t x, int64_t w);

/* Every product of the sum, as indices into y, x and w. */
static void for_each_product(const lab_ref *r, const sizes *z, visit *body)
{
    const int64_t per_group = z->C / z->G;
    for (int64_t n = 0; n < z->N; n++)
        for (int64_t k = 0; k < z->K; k++)
            for (int64_t p = 0; p < z->P; p++)
                for (int64_t q = 0; q < z->Q; q++)
                    for (int64_t c = 0; c < per_group; c++)
                        for (int64_t i = 0; i < z->R * z->S; i++) {
                            const int64_t h =
                                p * z->stride[0] + i / z->S * z->dilation[0] - z->pad[0];
                            const int64_t w =
                                q * z->stride[1] + i % z->S * z->dilation[1] - z->pad[1];
                            const int64_t from = k / (z->K / z->G) * per_group + c;
                            if (h >= 0 && h < z->H && w >= 0 && w < z->W)
                                body(r, ((n * z->K + k) * z->P + p) * z->Q + q,
                                     ((n * z->C + from) * z->H + h) * z->W + w,
                                     (k * per_group + c) * z->R * z->S + i);
                        }
}

static void add_product(const lab_ref *r, int64_t y, int64_t x, int64_t w)
{
    r->y[y] += r->w[0][w] * r->x[0][x];
}

static int64_t filter_of(const sizes *z, int64_t y)
{
    return y / (z->P * z->Q) % z->K;
}

static void reference(const lab_ref *r)
{
    const sizes z = read_sizes(r);
    const int64_t count = tn_elements(&r->y_shape);
    for (int64_t i = 0; i < count; i++)
        r->y[i] = r->w[1] ? r->w[1][filter_of(&z, i)] : 0;
    for_each_product(r, &z, add_product);
    for (int64_t i = 0; i < count; i++)
        if (((const lab_conv_case *)r->opts)->relu && r->y[i] < 0)
            r->y[i] = 0;
}

static bool passes(const lab_ref *r, int64_t y)
{
    return !((const lab_conv_case *)r->opts)->relu || r->y[y] > 0;
}

static void add_gradients(const lab_ref *r, int64_t y, int64_t x, int64_t w)
{
    if (!passes(r, y))
        return;
    if (r->dx[0])
        r->dx[0][x] += r->dy[y] * r->w[0][w];
    if (r->dw[0])
        r->dw[0][w] += r->dy[y] * r->x[0][x];
}

static void backward(const lab_ref *r)
{
    const sizes z = read_sizes(r);
    for_each_product(r, &z, add_gradients);
    for (int64_t i = 0; r->dw[1] && i < tn_elements(&r->y_shape); i++)
        if (passes(r, i))
            r->dw[1][filter_of(&z, i)] += r->dy[i];
}

const lab_op lab_conv_op = {
    .build = build,
    .reference = reference,
    .backward = backward,
    .param = {{.name = "weight"}, {.name = "bias"}},
};
