/* What all parts need of a stream and of its pictures. */
#define _POSIX_C_SOURCE 200809L /* flockfile */

#include <stdarg.h>
#include <stdlib.h>

#include "video.h"

void picture_free(picture *p)
{
    if (!p)
        return;
    av_frame_free(&p->frame);
    free(p->row);
    free(p);
}

bool stream_stops(const stream *s)
{
    return atomic_load(&s->stop) || atomic_load(&s->of->stop);
}

__attribute__((format(printf, 2, 0))) static void say(const stream *s, const char *format,
                                                      va_list values)
{
    char text[1024];
    vsnprintf(text, sizeof text, format, values);
    flockfile(stderr); /* other threads have something to say, too */
    args_warn("%s: %s", s->spec.name, text);
    funlockfile(stderr);
}

void stream_warn(const stream *s, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    say(s, format, values);
    va_end(values);
}

void stream_fail(stream *s, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    say(s, format, values);
    va_end(values);
    atomic_store(&s->failed, true);
}
