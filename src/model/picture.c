/*
 * picture: how a picture becomes an input: the net says the size, "tenon.fit" the rest.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"

static bool find_input(const tn_graph *g, tn_picture *to)
{
    tn_shape shape;
    tn_dtype dtype;
    for (int i = 0; (to->input = tn_graph_input(g, i)).id; i++)
        if (tn_value_shape(g, to->input, &shape) == TN_OK &&
            tn_value_dtype(g, to->input, &dtype) == TN_OK && dtype == TN_U8 && shape.ndim == 4 &&
            shape.dim[1] <= INT32_MAX && shape.dim[2] <= INT32_MAX &&
            (shape.dim[3] == 1 || shape.dim[3] == 3)) {
            to->fit = (tn_fit_opts){.height = (int)shape.dim[1], .width = (int)shape.dim[2]};
            to->channels = (int)shape.dim[3];
            return true;
        }
    return false;
}

static tn_status wrong(const tn_model *m, const char *text, const char *why)
{
    return tn_fail(TN_ERR_FORMAT, "%s: tenon.fit is \"%.200s\": %s", m->path, text, why);
}

/* One word of it, "resize=256". */
static tn_status read_word(const tn_model *m, const char *text, const char *word, size_t length,
                           tn_picture *to)
{
    static const char *const orders[] = {
        [TN_ORDER_RGB] = "order=rgb", [TN_ORDER_BGR] = "order=bgr", [TN_ORDER_GREY] = "order=grey"};
    for (size_t i = 0; i < TN_COUNT(orders); i++)
        if (strlen(orders[i]) == length && strncmp(word, orders[i], length) == 0) {
            to->order = (tn_order)i;
            return TN_OK;
        }
    char *end = NULL;
    const bool resize = strncmp(word, "resize=", 7) == 0;
    const long side = resize ? strtol(word + 7, &end, 10) : 0;
    if (!resize)
        return wrong(m, text, "its words are resize=PIXELS and order=rgb, bgr or grey");
    if (end != word + length || side < 1 || side > 65535)
        return wrong(m, text, "resize is no number of pixels");
    if (side < to->fit.height || side < to->fit.width)
        return wrong(m, text, "resize is less than what the net takes");
    to->fit.resize = (int)side;
    return TN_OK;
}

static tn_status read_fit(const tn_model *m, tn_picture *to)
{
    const char *text = tn_model_fact(m, "tenon.fit");
    to->order = to->channels == 1 ? TN_ORDER_GREY : TN_ORDER_RGB;
    for (const char *p = text; p && *(p += strspn(p, " "));) {
        const size_t length = strcspn(p, " ");
        TN_TRY(read_word(m, text, p, length, to));
        p += length;
    }
    if ((to->order == TN_ORDER_GREY) != (to->channels == 1))
        return wrong(m, text ? text : "", "that is not for the channels that the net takes");
    return TN_OK;
}

tn_status tn_model_picture(const tn_model *m, tn_picture *out)
{
    TN_NEED(m, "model");
    TN_NEED(out, "out");
    tn_picture found = {0};
    if (!find_input(m->graph, &found))
        return tn_fail(TN_ERR_ARGUMENT,
                       "%s: no input of its net is a picture, u8 of N x H x W x channels", m->path);
    TN_TRY(read_fit(m, &found));
    *out = found;
    return TN_OK;
}

tn_status tn_picture_pixels(const tn_picture *picture, const uint8_t *rgb, int64_t count,
                            uint8_t *to)
{
    TN_NEED(picture, "picture");
    TN_NEED(rgb, "rgb");
    TN_NEED(to, "to");
    const tn_order order = picture->order;
    if (order < TN_ORDER_RGB || order > TN_ORDER_GREY ||
        picture->channels != (order == TN_ORDER_GREY ? 1 : 3))
        return tn_fail(TN_ERR_ARGUMENT, "picture: %d channels in order %d", picture->channels,
                       (int)order);
    for (int64_t i = 0; i < count; i++) {
        const uint8_t red = rgb[3 * i], green = rgb[3 * i + 1], blue = rgb[3 * i + 2];
        if (order == TN_ORDER_GREY) {
            to[i] = (uint8_t)((299 * red + 587 * green + 114 * blue + 500) / 1000);
            continue;
        }
        to[3 * i] = order == TN_ORDER_BGR ? blue : red;
        to[3 * i + 1] = green;
        to[3 * i + 2] = order == TN_ORDER_BGR ? red : blue;
    }
    return TN_OK;
}
