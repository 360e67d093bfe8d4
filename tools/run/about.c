#define _POSIX_C_SOURCE 200809L /* clock_gettime */

#include <math.h>
#include <string.h>
#include <time.h>

#include "../common/args.h"
#include "../common/utf8.h"
#include "../common/workspace.h"
#include "run.h"

enum { BUFFERS = 16, BUFFER = 512 };

static char *buffer(void)
{
    static char text[BUFFERS][BUFFER];
    static int next;
    return text[next++ % BUFFERS];
}

tn_run_info *run_named(const char *workspace, const char *name)
{
    char folder[RUN_PATH];
    tn_run_info *r = NULL;
    run_folder(folder, workspace, name);
    if (tn_run_read(&r, folder) != TN_OK)
        args_fail("%s", run_text(tn_error()));
    if (r->problem)
        args_warn("%s", run_text(r->problem));
    return r;
}

tn_series *run_log_of(const tn_run_info *r)
{
    tn_series *s = NULL;
    if (tn_run_series(&s, r->folder) != TN_OK)
        run_fail("%s", run_text(tn_error()));
    if (tn_series_torn(s) > 0)
        args_warn("%s/log.jsonl: %lld lines cannot be read, and are passed over",
                  run_text(r->folder), (long long)tn_series_torn(s));
    return s;
}

double run_value_at(const tn_series *s, const char *kind, const char *name, int64_t step)
{
    tn_column c;
    if (!tn_series_find(s, kind, name, &c))
        return (double)NAN;
    int64_t low = 0, high = c.count;
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if (c.step[middle] < step)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c.count && c.step[low] == step ? c.value[low] : (double)NAN;
}

const char *run_text(const char *bytes)
{
    char *text = buffer();
    size_t used = 0;
    for (const char *p = bytes; *p && used + 8 < BUFFER;) {
        const int length = utf8_length(p);
        const unsigned char c = (unsigned char)*p;
        if (length == 0 || c < 0x20 || c == 0x7F || (c == 0xC2 && (unsigned char)p[1] < 0xA0)) {
            used += (size_t)snprintf(text + used, BUFFER - used, "\\x%02x", c);
            p++;
        } else {
            memcpy(text + used, p, (size_t)length);
            used += (size_t)length;
            p += length;
        }
    }
    text[used] = '\0';
    return text;
}

const char *run_number(const char *format, double number)
{
    char *text = buffer();
    if (!isfinite(number))
        return "-";
/* The formats are the callers' own. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, BUFFER, format, number);
#pragma GCC diagnostic pop
    return text;
}

const char *run_span(double seconds)
{
    char *text = buffer();
    const long long s = seconds > 0 && seconds < 1e12 ? (long long)(seconds + 0.5) : 0;
    if (s < 100)
        snprintf(text, BUFFER, "%lld s", s);
    else if (s < 6000)
        snprintf(text, BUFFER, "%lld min", (s + 30) / 60);
    else if (s < 172800)
        snprintf(text, BUFFER, "%lld h %02lld min", s / 3600, s / 60 % 60);
    else
        snprintf(text, BUFFER, "%lld days", s / 86400);
    return text;
}

const char *run_state_text(const tn_run_info *r)
{
    const char *name = tn_runs_state_name(r->state);
    if (!r->elsewhere)
        return name;
    char *text = buffer();
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(text, BUFFER, "%s on %.64s, last seen %s ago", name, run_text(r->host),
             run_span((double)now.tv_sec - r->updated));
    return text;
}
