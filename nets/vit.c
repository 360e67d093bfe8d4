/*
 * ViT-Tiny with patches of 16: Dosovitskiy et al. 2020, arXiv:2010.11929, in the size of Touvron et al. 2020,
 * arXiv:2012.12877 (DeiT-Ti): 192 features, 12 blocks, 3 heads. Nodes are called as timm's vit_tiny_patch16_224 calls
 * its modules.
 *
 * A patch is a convolution's window, T = 1 + patches tokens of D features each are N x T x D, the first stands for the
 * class. A block: x += attention(norm(x)); x += mlp(norm(x)). Attention, with d = D / heads features a head:
 * softmax(q k' / sqrt(d)) v, q, k, v: N x heads x T x d.
 */
#include <math.h>
#include <stdio.h>

#include "nets.h"

enum { PATCH = 16, FEATURES = 192, BLOCKS = 12, HEADS = 3, HEAD = FEATURES / HEADS };

static const tn_param_opts small = {.init = {TN_INIT_NORMAL, 0.02f}};

/* y = x weight' + bias over the last dimension, K of it. */
static tn_value linear(tn_graph *g, tn_value x, const char *block, const char *part, int from,
                       int to)
{
    char name[NET_NAME];
    snprintf(name, sizeof name, "%s%s.weight", block, part);
    const tn_value weight = tn_param(g, name, TN_SHAPE(to, from), &small);
    snprintf(name, sizeof name, "%s%s.bias", block, part);
    const tn_value bias =
        tn_param(g, name, TN_SHAPE(to), &(tn_param_opts){.init = {TN_INIT_CONSTANT, 0}});
    snprintf(name, sizeof name, "%s%s", block, part);
    x = tn_matmul(g, x, weight, &(tn_matmul_opts){.name = name, .transpose_b = true});
    return tn_add(g, x, bias, NULL);
}

static tn_value norm(tn_graph *g, tn_value x, const char *block, const char *part)
{
    char name[NET_NAME];
    snprintf(name, sizeof name, "%s%s", block, part);
    return tn_normalize(
        g, x, &(tn_normalize_opts){.name = name, .kind = TN_NORM_LAYER, .epsilon = 1e-6f});
}

/* N x T x D as N x heads x T x d. */
static tn_value heads(tn_graph *g, tn_value x)
{
    x = tn_reshape(g, x, &(tn_reshape_opts){.shape = TN_SHAPE(0, 0, HEADS, HEAD)});
    return tn_transpose(g, x, &(tn_transpose_opts){.axes = TN_SHAPE(0, 2, 1, 3)});
}

static tn_value attention(tn_graph *g, tn_value x, const char *block)
{
    tn_value qkv[3];
    x = linear(g, x, block, "attn.qkv", FEATURES, 3 * FEATURES);
    tn_split(g, x, &(tn_split_opts){.axis = 2, .count = 3}, qkv);
    float scale = 1 / sqrtf(HEAD);
    char name[NET_NAME];
    snprintf(name, sizeof name, "%sattn.scale", block);
    const tn_value s = tn_constant(g, name, (tn_tensor){TN_F32, {0}, &scale});
    const tn_value q = heads(g, tn_mul(g, qkv[0], s, NULL)), k = heads(g, qkv[1]);
    tn_value a = tn_matmul(g, q, k, &(tn_matmul_opts){.transpose_b = true});
    a = tn_softmax(g, a, &(tn_softmax_opts){.axis = -1});
    a = tn_matmul(g, a, heads(g, qkv[2]), NULL);
    a = tn_transpose(g, a, &(tn_transpose_opts){.axes = TN_SHAPE(0, 2, 1, 3)});
    a = tn_reshape(g, a, &(tn_reshape_opts){.shape = TN_SHAPE(0, 0, FEATURES)});
    return linear(g, a, block, "attn.proj", FEATURES, FEATURES);
}

static tn_value mlp(tn_graph *g, tn_value x, const char *block)
{
    x = linear(g, x, block, "mlp.fc1", FEATURES, 4 * FEATURES);
    return linear(g, tn_gelu(g, x, NULL), block, "mlp.fc2", 4 * FEATURES, FEATURES);
}

/* Patches as tokens behind an empty one, plus what each place has of its own; the first one's is the class token too. */
static tn_value embed(tn_graph *g, tn_value x)
{
    tn_shape shape = {0};
    x = tn_conv2d(g, x,
                  &(tn_conv2d_opts){.name = "patch_embed.proj",
                                    .filters = FEATURES,
                                    .kernel = {PATCH},
                                    .stride = {PATCH},
                                    .weight = small});
    x = tn_reshape(g, x, &(tn_reshape_opts){.shape = TN_SHAPE(0, 0, -1)});
    x = tn_transpose(g, x, &(tn_transpose_opts){.axes = TN_SHAPE(0, 2, 1)});
    x = tn_pad(g, x, &(tn_pad_opts){.before = TN_SHAPE(0, 1)});
    if (tn_value_shape(g, x, &shape) != TN_OK)
        return x; /* the graph keeps its error */
    const int64_t tokens = shape.dim[1];
    const tn_value class = tn_param(g, "cls_token", TN_SHAPE(1, 1, FEATURES), &small);
    const tn_value place = tn_param(g, "pos_embed", TN_SHAPE(1, tokens, FEATURES), &small);
    const tn_value first = tn_pad(g, class, &(tn_pad_opts){.after = TN_SHAPE(0, tokens - 1)});
    return tn_add(g, x, tn_add(g, place, first, NULL), NULL);
}

tn_value net_vit_tiny(tn_graph *g, tn_value x, int classes)
{
    x = embed(g, x);
    for (int i = 0; i < BLOCKS; i++) {
        char block[NET_NAME / 2];
        snprintf(block, sizeof block, "blocks.%d.", i);
        x = tn_add(g, x, attention(g, norm(g, x, block, "norm1"), block), NULL);
        x = tn_add(g, x, mlp(g, norm(g, x, block, "norm2"), block), NULL);
    }
    x = norm(g, x, "", "norm");
    x = tn_slice(g, x, &(tn_slice_opts){.end = TN_SHAPE(INT64_MAX, 1)});
    return tn_dense(g, x, &(tn_dense_opts){.name = "head", .units = classes, .weight = small});
}
