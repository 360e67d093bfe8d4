/*
 * write: a profile in the trace-event format ("Trace Event Format", Google 2016, its JSON object form). Tracks are sorted by what
 * they are: the program's thread, loaders, devices.
 */
#include <string.h>

#include "base/escape.h"
#include "base/number.h"
#include "profile/profile.h"

static void quote(FILE *to, const char *text)
{
    char *whole = tn_text_escape(text);
    putc('"', to);
    for (const char *t = whole ? whole : "?"; *t; t++) {
        const unsigned char c = (unsigned char)*t;
        if (c == '"' || c == '\\')
            putc('\\', to);
        if (c < 0x20)
            fprintf(to, "\\u%04x", c);
        else
            putc(*t, to);
    }
    putc('"', to);
    tn_free(whole);
}

/* Above those that come later. */
static int place_of(const char *track)
{
    return strcmp(track, "program") == 0                     ? 0
           : strncmp(track, "loader", strlen("loader")) == 0 ? 1
           : strncmp(track, "thread", strlen("thread")) == 0 ? 3
                                                             : 2;
}

static void write_tracks(const tn_trace_store *s, FILE *to)
{
    fprintf(to,
            "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":1,\"args\":{\"name\":\"Tenon %s\"}}",
            tn_version());
    for (int i = 0; i < s->tracks; i++) {
        fprintf(
            to,
            ",\n{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":1,\"tid\":%d,\"args\":{\"name\":",
            i + 1);
        quote(to, s->track[i]);
        fprintf(to,
                "}},\n{\"ph\":\"M\",\"name\":\"thread_sort_index\",\"pid\":1,\"tid\":%d,\"args\":{"
                "\"sort_index\":%d}}",
                i + 1, TN_TRACE_TRACKS * place_of(s->track[i]) + i);
    }
}

static void write_event(const tn_trace_store *s, const tn_trace_event *e, FILE *to)
{
    fprintf(to, ",\n{\"ph\":\"X\",\"pid\":1,\"tid\":%d,\"cat\":\"%s\",\"name\":", e->track + 1,
            e->kind);
    quote(to, e->name);
    tn_fprint(to, ",\"ts\":%.3f,\"dur\":%.3f", 1e6 * (e->begin - s->begin),
              1e6 * (e->end - e->begin));
    if (*e->detail || e->bytes > 0) {
        fprintf(to, ",\"args\":{\"does\":");
        quote(to, *e->detail ? e->detail : e->kind);
        tn_fprint(to, ",\"flops\":%.0f,\"bytes\":%.0f}", e->flops, e->bytes);
    }
    putc('}', to);
}

tn_status tn_profile_write(const tn_profile *p, FILE *to)
{
    TN_NEED(p, "profile");
    TN_NEED(to, "to");
    const tn_trace_store *s = &p->store;
    fprintf(to,
            "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"tenon\":\"%s\",\"lost\":%zu},\n"
            "\"traceEvents\":[\n",
            tn_version(), s->lost);
    write_tracks(s, to);
    for (size_t i = 0; i < s->count; i++)
        write_event(s, &s->event[i], to);
    fprintf(to, "\n]}\n");
    return fflush(to) == 0 && !ferror(to) ? TN_OK
                                          : tn_fail(TN_ERR_IO, "profile: it could not be written");
}
