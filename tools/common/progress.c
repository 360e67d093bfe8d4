/* clock_gettime and isatty are POSIX; the width of a terminal is not even that. */
#define _DEFAULT_SOURCE

#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void progress_begin(progress *p, int64_t steps, int64_t first, int64_t log_every)
{
    const double now = seconds();
    *p = (progress){.terminal = isatty(STDOUT_FILENO) == 1,
                    .steps = steps,
                    .first = first,
                    .log_every = log_every,
                    .began = now,
                    .shown = now};
}

void progress_skip(progress *p, double idle)
{
    p->began += idle;
    p->shown += idle;
}

void progress_clear(const progress *p)
{
    if (p->terminal)
        fputs("\r\033[K", stdout);
}

static int columns(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* [=====>     ], on one line with `text`, in what width is left. */
static void show_bar(const progress *p, const progress_step *now, const char *text)
{
    enum { LEAST = 8, MOST = 30 };
    char bar[MOST + 1];
    const int width = columns(), used = (int)strlen(text);
    int room = width - used - 4;
    room = room > MOST ? MOST : room;
    if (room >= LEAST) {
        const int done = (int)(room * now->step / p->steps);
        memset(bar, ' ', sizeof bar);
        memset(bar, '=', (size_t)done);
        if (done < room)
            bar[done] = '>';
        printf("\r[%.*s] %s\033[K", room, bar, text);
    } else {
        printf("\r%s\033[K", text);
    }
    fflush(stdout);
}

bool progress_due(const progress *p, int64_t step)
{
    const bool due = p->terminal ? seconds() - p->shown >= 0.2 : step % p->log_every == 0;
    return due || step == p->steps;
}

/* The parts of a line, the more important before the less; a narrow terminal gets the first of them. */
enum { PARTS = 7, PART_BYTES = 64 };

static void join(char *text, size_t size, char part[PARTS][PART_BYTES], int width)
{
    int used = 0;
    for (int i = 0; i < PARTS; i++) {
        const int bytes = (int)strlen(part[i]) + (used > 0);
        if (used + bytes > width)
            return;
        used += snprintf(text + used, size - (size_t)used, "%s%s", used ? " " : "", part[i]);
    }
}

void progress_show(progress *p, const progress_step *now)
{
    const double time = seconds(), span = time - p->shown;
    if (!progress_due(p, now->step))
        return;
    const int64_t done = now->step - p->first;
    const double left =
        done > 0 ? (time - p->began) / (double)done * (double)(p->steps - now->step) : 0;
    const long eta = (long)(left + 0.5);
    const double images = span > 0 ? (double)(now->images - p->images) / span : 0;
    const bool brief = p->terminal;
    char part[PARTS][PART_BYTES], text[PARTS * PART_BYTES] = "", hours[32] = "";
    if (eta >= 3600 || !brief)
        snprintf(hours, sizeof hours, "%ld:%s", eta / 3600, eta / 60 % 60 < 10 ? "0" : "");
    snprintf(part[0], PART_BYTES, "epoch %lld %s%lld/%lld", (long long)now->epoch,
             brief ? "" : "step ", (long long)now->step, (long long)p->steps);
    snprintf(part[1], PART_BYTES, "loss %.*f", brief ? 3 : 4, now->loss);
    snprintf(part[2], PART_BYTES, "top-1 %.1f %%", 100 * now->top_1);
    snprintf(part[3], PART_BYTES, "%.*f images/s", brief && images >= 1000 ? 0 : 1, images);
    snprintf(part[4], PART_BYTES, "ETA %s%ld:%02ld", hours, eta / 60 % 60, eta % 60);
    snprintf(part[5], PART_BYTES, "rate %.*e", brief ? 1 : 2, now->rate);
    snprintf(part[6], PART_BYTES, "wait %.0f %%",
             span > 0 ? 100 * (now->waited - p->waited) / span : 0.0);
    join(text, sizeof text, part, p->terminal ? columns() - 1 : (int)sizeof text - 1);
    if (p->terminal)
        show_bar(p, now, text);
    else
        printf("%s\n", text), fflush(stdout);
    p->shown = time;
    p->waited = now->waited;
    p->images = now->images;
}
