/* What the net says of a picture: smoothed if that is asked for, as a line of JSON, and as words on the picture. */
#include <math.h>
#include <string.h>

#include "../common/json.h"
#include "../common/progress.h"
#include "../common/shares.h"
#include "../common/utf8.h"
#include "video.h"

/* The mean of what was said, each weighed by exp(-age / S): its memory is one answer, however long S is. */
static void smooth(stream *s, double pts, float *x, int64_t count)
{
    const double period = s->of->q.smooth;
    if (period <= 0)
        return;
    const double old = isnan(s->mean_pts) ? 0 : exp(-(pts - s->mean_pts) / period);
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(x[i])) /* it would stay in the mean for ever */
            return;
    for (int64_t i = 0; i < count; i++)
        x[i] = s->mean[i] = (float)(old * (double)s->mean[i] + (1 - old) * (double)x[i]);
    s->mean_pts = pts;
}

/* As it can be drawn: what is no character, or would begin a new line, is U+FFFD. */
static void drawable(char *to, size_t room, const char *text)
{
    size_t used = 0;
    for (int length; *text && used + 5 < room; text += length ? length : 1) {
        length = utf8_length(text);
        const unsigned char c = (unsigned char)*text;
        const bool good = length > 0 && c >= 0x20 && c != 0x7f;
        memcpy(to + used, good ? text : "\xef\xbf\xbd", good ? (size_t)length : 3);
        used += good ? (size_t)length : 3;
    }
    to[used] = '\0';
}

static void write_line(const stream *s, const picture *p, float *x, double took)
{
    const net *n = &s->of->net;
    json j = {.to = s->of->json, .flat = true};
    char number[32];
    json_object(&j, NULL);
    json_text(&j, "stream", s->spec.name);
    json_count(&j, "frame", p->number);
    json_real(&j, "pts", p->pts);
    json_array(&j, "top");
    for (int64_t i = 0; i < s->of->q.top && i < n->classes; i++) {
        int64_t best = 0;
        for (int64_t c = 1; c < n->classes; c++)
            best = x[c] > x[best] ? c : best;
        json_object(&j, NULL);
        json_count(&j, "class", best);
        json_text(&j, "label", net_class(n, best, number));
        json_real(&j, "p", (double)x[best]);
        json_end(&j, '}');
        x[best] = -1;
    }
    json_end(&j, ']');
    json_real(&j, "ms", 1000 * took);
    json_end(&j, '}');
}

void answer_again(stream *s, picture *p)
{
    char text[32];
    if (!p->frame)
        return;
    av_dict_set(&p->frame->metadata, "tenon", s->text, 0);
    av_dict_set(&p->frame->metadata, "tenon.label", s->label, 0);
    snprintf(text, sizeof text, "%.6f", s->share);
    av_dict_set(&p->frame->metadata, "tenon.p", text, 0);
    av_dict_set(&p->frame->metadata, "tenon.stream", s->spec.name, 0);
    snprintf(text, sizeof text, "%lld", (long long)p->number);
    av_dict_set(&p->frame->metadata, "tenon.frame", text, 0);
}

void answer_take(stream *s, picture *p, float *out)
{
    const net *n = &s->of->net;
    const double took = seconds() - p->came;
    char number[32];
    int64_t best = 0;
    if (!n->shares)
        shares_of_logits(out, n->classes);
    smooth(s, p->pts, out, n->classes);
    for (int64_t c = 1; c < n->classes; c++)
        best = out[c] > out[best] ? c : best;
    s->share = (double)out[best];
    drawable(s->label, sizeof s->label, net_class(n, best, number));
    snprintf(s->text, sizeof s->text, "%s %.1f %%", s->label, 100 * s->share);
    figures_answer(&s->figures, took);
    if (s->of->json)
        write_line(s, p, out, took);
    answer_again(s, p);
}
