/*
 * Batches of what all streams have. Round robin, one picture of each in turn, so that none starves; a batch is run when it is
 * full, when one of whose pictures are in it has ended, or when the oldest live picture in it has waited for --max-wait.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "../common/progress.h"
#include "../common/stop.h"
#include "video.h"

/* A picture of the batch and whose it is. Those in between that the net is not asked of keep their place among them. */
typedef struct held {
    stream *s;
    picture *p;
} held;

struct batch {
    video *v;
    held *item;
    int room, count;
    int64_t rows;
    int *of_stream; /* how many of each stream */
    int next;       /* stream whose turn it is */
    double until;   /* when it is run at the latest */
    bool told_memory;
    double told; /* when figures were */
};

/* ---- one picture ------------------------------------------------------------------------------ */

/* To its writer; where there is none, it is done with. */
static void pass_on(stream *s, picture *p)
{
    picture *gone = s->writes ? queue_put(&s->out, p) : p;
    if (gone && gone != p)
        figures_dropped(&s->figures);
    picture_free(gone);
}

/* Room with its writer is there before it is taken, so that a slow one makes nobody else wait. */
static bool may_take(const batch *b, stream *s)
{
    return !s->writes || s->out.drops || queue_left(&s->out) > b->of_stream[s->number];
}

static void add(batch *b, stream *s, picture *p)
{
    const net *n = &b->v->net;
    if (!p->row && b->of_stream[s->number] == 0) { /* nothing of it is still to be answered */
        answer_again(s, p);
        pass_on(s, p);
        return;
    }
    b->item[b->count++] = (held){s, p};
    b->of_stream[s->number]++;
    if (!p->row)
        return;
    memcpy(n->in + (size_t)b->rows++ * n->row_bytes, p->row, n->row_bytes);
    if (s->spec.live)
        b->until = fmin(b->until, p->came + b->v->q.max_wait / 1000);
}

static bool is_full(const batch *b)
{
    return b->rows == b->v->net.rows || b->count == b->room;
}

/* One of each stream in turn, until nobody has any. */
static void gather(batch *b)
{
    video *v = b->v;
    for (int idle = 0; idle < v->streams && !is_full(b); b->next = (b->next + 1) % v->streams) {
        stream *s = &v->stream[b->next];
        picture *p = may_take(b, s) ? queue_take(&s->in) : NULL;
        idle = p ? 0 : idle + 1;
        if (p)
            add(b, s, p);
    }
}

/* All of it is to end, in order. */
static void stop(video *v)
{
    v->failed = true;
    atomic_store(&v->stop, true);
}

/* Answers that nobody gets need not be made. */
static void json_fail(video *v)
{
    const char *path = v->q.json && strcmp(v->q.json, "-") != 0 ? v->q.json : "stdout";
    args_warn("%s: cannot be written: %s", path, strerror(errno));
    v->json = NULL;
    stop(v);
}

/* ---- a batch ---------------------------------------------------------------------------------- */

static void empty(batch *b)
{
    memset(b->of_stream, 0, (size_t)b->v->streams * sizeof *b->of_stream);
    b->count = 0;
    b->rows = 0;
    b->until = INFINITY;
}

/* Nobody is answered any more: what waits for it is let go, and writers complete what was answered. */
static void give_up(batch *b)
{
    video *v = b->v;
    stop(v);
    for (int i = 0; i < b->count; i++)
        picture_free(b->item[i].p);
    empty(b);
    for (int i = 0; i < v->streams; i++) {
        queue_close(&v->stream[i].in);
        for (picture *p; (p = queue_take(&v->stream[i].in));)
            picture_free(p);
    }
}

static void run(batch *b)
{
    video *v = b->v;
    net *n = &v->net;
    int64_t row = 0;
    if (b->rows > 0) {
        if (net_run(n) != TN_OK) {
            args_warn("%s", tn_error());
            give_up(b);
            return;
        }
        v->batches++;
        v->batch_rows += b->rows;
    }
    for (int i = 0; i < b->count; i++) {
        stream *s = b->item[i].s;
        picture *p = b->item[i].p;
        if (p->row)
            answer_take(s, p, n->out + n->classes * row++);
        else
            answer_again(s, p);
        pass_on(s, p);
    }
    if (v->json && (fflush(v->json) != 0 || ferror(v->json)))
        json_fail(v);
    empty(b);
}

/* Streams of which nothing more comes are closed for their writers, too. Are all? */
static bool all_ended(batch *b)
{
    video *v = b->v;
    int ended = 0;
    for (int i = 0; i < v->streams; i++) {
        stream *s = &v->stream[i];
        if (!s->ended && queue_ended(&s->in) && b->of_stream[i] == 0) {
            s->ended = true;
            if (s->writes)
                queue_close(&s->out);
        }
        ended += s->ended;
    }
    return ended == v->streams;
}

/* Its last pictures are not to wait for others, which may be silent for ever. */
static bool holds_an_end(const batch *b)
{
    for (int i = 0; i < b->v->streams; i++)
        if (b->of_stream[i] > 0 && queue_ended(&b->v->stream[i].in))
            return true;
    return false;
}

/* ---- telling ---------------------------------------------------------------------------------- */

/* In queues, in the hands of who reads and who writes, and in the batch, which may be all of the largest ones. */
static void tell_memory(batch *b)
{
    video *v = b->v;
    size_t bytes = 0, largest = 0;
    bool writes = false;
    if (b->told_memory || v->q.quiet)
        return;
    for (int i = 0; i < v->streams; i++) {
        stream *s = &v->stream[i];
        const size_t each = atomic_load(&s->picture_bytes);
        if (each == 0 && !s->ended)
            return;
        bytes += each * (size_t)(s->in.room + 1 + (s->writes ? s->out.room + 1 : 0));
        largest = each > largest ? each : largest;
        writes |= s->writes;
    }
    bytes += largest * (size_t)(writes ? b->room : v->net.rows);
    args_warn("memory: at most %.1f MB of pictures that wait, %.1f MB of the net",
              (double)bytes / 1e6, (double)v->net.bytes / 1e6);
    b->told_memory = true;
}

static void tell(batch *b)
{
    tell_memory(b);
    if (b->v->q.quiet || seconds() < b->told + b->v->q.figures)
        return;
    figures_tell(b->v, false);
    b->told = seconds();
}

batch *batch_make(video *v)
{
    batch *b = calloc(1, sizeof *b);
    /* With pictures in between that nobody asks the net of, a batch is at most so many more. */
    const int room = (int)v->net.rows + VIDEO_ROWS;
    if (!b || !(b->item = calloc((size_t)room, sizeof *b->item)) ||
        !(b->of_stream = calloc((size_t)v->streams, sizeof *b->of_stream)))
        run_fail("no memory for a batch of %d pictures", room);
    b->v = v;
    b->room = room;
    b->until = INFINITY;
    return b;
}

void batch_all(batch *b)
{
    video *v = b->v;
    b->told = seconds();
    for (;;) {
        const uint64_t seen = bell_count(&v->bell);
        if (stop_asked())
            atomic_store(&v->stop, true);
        gather(b);
        tell(b);
        if (b->count > 0 && (is_full(b) || seconds() >= b->until || holds_an_end(b))) {
            run(b);
            continue;
        }
        if (all_ended(b))
            break;
        const double latest = fmin(b->until, seconds() + 0.25); /* signals ring no bell */
        bell_wait(&v->bell, seen, latest);
    }
}

void batch_free(batch *b)
{
    free(b->item);
    free(b->of_stream);
    free(b);
}
