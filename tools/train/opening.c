#include "opening.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A flag's numbers, one a channel: how many there were, which the net's pictures have to agree with once it is open. */
static struct {
    const char *flag, *text;
    int count;
} said[2];

/* "104,117,123", or one number for all channels. False: they are no numbers. */
static bool read_channels(int which, const char *flag, const char *text, float to[4])
{
    int count = 0;
    char *end = NULL;
    for (const char *p = text; count < 4; p = end + 1) {
        to[count++] = strtof(p, &end);
        if (end == p)
            return false;
        if (*end != ',')
            break;
    }
    for (int i = count; i < 4 && count == 1; i++)
        to[i] = to[0];
    if (*end != '\0')
        return false;
    said[which].flag = flag;
    said[which].text = text;
    said[which].count = count;
    return true;
}

static const char *sizes(const opening *o, int64_t size)
{
    static char text[1024];
    if (size == 0 || (o->input && (o->input[0] == '*' || strstr(o->input, ",*"))))
        return o->input;
    const int length = snprintf(
        text, sizeof text, "%s%s*=%sx%lldx%lld", o->input ? o->input : "", o->input ? "," : "",
        o->order && strcmp(o->order, "grey") == 0 ? "1" : "3", (long long)size, (long long)size);
    if ((size_t)length >= sizeof text)
        args_fail("--input: is longer than %zu letters", sizeof text);
    return text;
}

tn_model_opts opening_opts(const opening *o, int64_t batch, int64_t size)
{
    static tn_image_input_opts image;
    static char fit[16];
    tn_model_opts opts = {.batch = batch, .weights = o->weights, .input = sizes(o, size)};
    image = (tn_image_input_opts){0};
    if (o->mean && !read_channels(0, "mean", o->mean, image.mean))
        opts.mean_file = o->mean;
    if (o->scale && !read_channels(1, "scale", o->scale, image.scale))
        args_fail("--scale wants a number, or one a channel as 0.0171,0.0175,0.0174, not \"%s\"",
                  o->scale);
    if (o->scale || (o->mean && !opts.mean_file))
        opts.image = &image;
    snprintf(fit, sizeof fit, "order=%s", o->order ? o->order : "");
    opts.fit = o->order ? fit : NULL;
    return opts;
}

const char *opening_hint(const tn_model *model)
{
    const tn_graph *g = tn_model_graph(model);
    tn_dtype dtype = TN_U8;
    const tn_value x = tn_graph_input(g, 0);
    if (!x.id || tn_value_dtype(g, x, &dtype) != TN_OK || dtype != TN_F32)
        return "";
    return "; --scale or --mean say how pixels become its floats (--scale 1: as they are)";
}

void opening_check(const tn_model *model)
{
    tn_picture p;
    for (int i = 0; i < 2; i++)
        if (said[i].count > 1 && tn_model_picture(model, &p) == TN_OK &&
            said[i].count != p.channels)
            args_fail("--%s %s: %d numbers, and the net's pictures have %d channel%s: one number, "
                      "or one a channel",
                      said[i].flag, said[i].text, said[i].count, p.channels,
                      p.channels == 1 ? "" : "s");
}

void opening_tell(const tn_model *model)
{
    opening_check(model);
    for (int i = 0; tn_model_notice(model, i); i++)
        args_warn("note: %s", tn_model_notice(model, i));
}
