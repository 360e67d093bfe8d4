#include "overlay.h"

#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/mem.h>
#include <stdio.h>

bool overlay_fits(const overlay *o, const AVFrame *f, turn t)
{
    return o->graph && o->width == f->width && o->height == f->height && o->format == f->format &&
           o->turn.transpose == t.transpose && o->turn.flip_x == t.flip_x &&
           o->turn.flip_y == t.flip_y;
}

static int make_ends(overlay *o, const stream *s, const AVFrame *f)
{
    char of[256];
    const AVRational a = f->sample_aspect_ratio;
    snprintf(of, sizeof of,
             "video_size=%dx%d:pix_fmt=%d:time_base=%d/%d:pixel_aspect=%d/%d:frame_rate=%d/%d",
             f->width, f->height, f->format, s->base.num, s->base.den, a.num, a.den > 0 ? a.den : 1,
             s->rate.num, s->rate.den);
    const int error = avfilter_graph_create_filter(&o->in, avfilter_get_by_name("buffer"), "in", of,
                                                   NULL, o->graph);
    return error < 0 ? error
                     : avfilter_graph_create_filter(&o->out, avfilter_get_by_name("buffersink"),
                                                    "out", NULL, NULL, o->graph);
}

/* From the one end to the other, as a text has it. */
static int parse(overlay *o, const char *text)
{
    AVFilterInOut *from = avfilter_inout_alloc(), *to = avfilter_inout_alloc();
    int error = AVERROR(ENOMEM);
    if (from && to) {
        *from = (AVFilterInOut){av_strdup("in"), o->in, 0, NULL};
        *to = (AVFilterInOut){av_strdup("out"), o->out, 0, NULL};
        error = avfilter_graph_parse_ptr(o->graph, text, &to, &from, NULL);
    }
    avfilter_inout_free(&from);
    avfilter_inout_free(&to);
    return error < 0 ? error : avfilter_graph_config(o->graph, NULL);
}

int overlay_make(overlay *o, const stream *s, const AVFrame *frame, turn t, const char *tail)
{
    char text[8192];
    overlay_free(o);
    *o = (overlay){.graph = avfilter_graph_alloc(),
                   .width = frame->width,
                   .height = frame->height,
                   .format = frame->format,
                   .turn = t};
    if (!o->graph)
        return AVERROR(ENOMEM);
    o->graph->nb_threads = 1;
    if (snprintf(text, sizeof text, "%s%s%s%s%s", t.transpose ? "transpose=cclock_flip," : "",
                 t.flip_x ? "hflip," : "", t.flip_y ? "vflip," : "", s->of->q.overlay,
                 tail) >= (int)sizeof text)
        return AVERROR(ENAMETOOLONG);
    const int error = make_ends(o, s, frame);
    return error < 0 ? error : parse(o, text);
}

void overlay_free(overlay *o)
{
    avfilter_graph_free(&o->graph);
    *o = (overlay){0};
}
