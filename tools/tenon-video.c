/*
 * tenon-video: a net that classifies, run on video.
 */
#define _POSIX_C_SOURCE 200809L /* sysconf */

#include <errno.h>
#include <malloc.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/args.h"
#include "common/stop.h"
#include "video/log.h"
#include "video/overlay.h"
#include "video/video.h"

static question q = {.device = "cpu",
                     .precision = "f32",
                     .decode = "cpu",
                     .overlay = OVERLAY,
                     .every = 1,
                     .top = 5,
                     .retries = -1,
                     .max_wait = 20,
                     .timeout = 10,
                     .figures = 5};

static const char about[] =
    "Runs a model that classifies pictures, of `tenon build`, `tenon train` or another program, "
    "on\n"
    "the frames of videos. Each answer is a line of JSON.\n"
    "\n"
    "INPUT is a file, - (stdin), the address of a stream (rtsp://, tcp://, udp://, ...) or a "
    "camera\n"
    "(v4l2:/dev/video0). Behind it may stand, each with a comma, every=N (the net sees every N-th\n"
    "frame), name=TEXT, loop (a file begins anew at its end), live (it does not wait, and comes "
    "back;\n"
    "so are cameras and streams) and av.KEY=VALUE (an option of FFmpeg). Several inputs share the\n"
    "batches of the net.";

static const char more[] =
    "What does not wait and comes faster than it can be answered loses its oldest frames, which "
    "are\n"
    "counted; of files every frame is answered. A live input that is lost is tried again after 1, "
    "2,\n"
    "4, ... 30 seconds. Packets that are broken are counted and passed over.\n\n"
    "Exit status: 0; 1: an input could not be opened, was damaged or was lost, or something could\n"
    "not be written; 2: what was asked cannot be; 128 + signal: it was stopped, with what it "
    "wrote\n"
    "complete.\n\n"
    "Examples:\n"
    "  tenon video flowers.plan holiday.mp4 -o told.mp4\n"
    "  tenon video flowers.plan rtsp://10.0.0.7/door,name=door,every=5 v4l2:/dev/video0\n"
    "  tenon video flowers.plan --config cameras.json --json answers.jsonl";

static const arg options[] = {
    {ARG_TEXT, "json", "FILE",
     "write answers there; default: to stdout, or nowhere if that has the\nframes", &q.json, 0, 0},
    {ARG_TEXT, "out", "FILE",
     "(-o) write the frames there, with what is on them drawn on them: a\nfile, the address of a "
     "server, or - (y4m); {name} in it is the\nname of the input",
     &q.out, 0, 0},
    {ARG_TEXT, "overlay", "GRAPH",
     "what is drawn, as libavfilter has it (docs/video.md); \"null\":\nnothing; default: label and "
     "share",
     &q.overlay, 0, 0},
    {ARG_TEXT, "encoder", "NAME[,KEY=VALUE]...",
     "of FFmpeg; default: libx264,preset=veryfast, or what the format has", &q.encoder, 0, 0},
    {ARG_TEXT, "format", "NAME", "of FFmpeg; default: by the name of the file", &q.format, 0, 0},
    {ARG_FLAG, "force", NULL, "write what is there already anew", &q.force, 0, 0},
    {ARG_INT, "top", "N", "how many classes to tell of each frame", &q.top, 1, 1000},
    {ARG_INT, "every", "N", "the net sees every N-th frame, where an input says nothing", &q.every,
     1, 1000000},
    {ARG_REAL, "smooth", "SECONDS",
     "answers are means over so long, later ones weighing more;\ndefault: of one frame", &q.smooth,
     0, 3600},
    {ARG_TEXT, "config", "FILE",
     "JSON: {\"inputs\": [{\"url\": ..., \"name\": ...}, ...], \"options\":\n{...}}, with the "
     "names "
     "of here; flags win",
     &q.config, 0, 0},
    {ARG_FLAG, "quiet", NULL, "no figures and no notes on stderr", &q.quiet, 0, 0},
    {ARG_REAL, "figures", "SECONDS", "how often figures are told", &q.figures, ARG_ABOVE_0, 86400},
    {ARG_HEADING, NULL, NULL, "What is live", NULL, 0, 0},
    {ARG_REAL, "max-wait", "MS", "a frame waits at most so long for others of its batch",
     &q.max_wait, 0, 60000},
    {ARG_REAL, "timeout", "SECONDS", "a source that is silent for so long is lost", &q.timeout,
     ARG_ABOVE_0, 86400},
    {ARG_INT, "retries", "N", "how often in a row it is tried again; default: for ever", &q.retries,
     0, 1000000000},
    {ARG_HEADING, NULL, NULL, "How the net is run", NULL, 0, 0},
    {ARG_INT, "batch", "N", "frames at a time; default: 32, or of what is live one an input",
     &q.batch, 1, 4096},
    {ARG_INT, "threads", "N", "of the CPU; default: every core", &q.threads, 1, 1024},
    {ARG_TEXT, "device", "NAME", "\"cpu\", \"cuda:0\", ...", &q.device, 0, 0},
    {ARG_CHOICE, "decode", "cpu|cuda",
     "cuda: NVIDIA's decoder, of the GPU that --device names, else of\nthe first", &q.decode, 0, 0},
    {ARG_CHOICE, "precision", "f32|tf32|bf16|f16", "what it computes in, where the device can",
     &q.precision, 0, 0},
    {ARG_FLAG, "trained", NULL, "of a model that keeps averages: the numbers that were trained",
     &q.trained, 0, 0},
    {ARG_TEXT, "workspace", "DIR",
     "whose runs/ holds runs by name; default: $TENON_WORKSPACE,\nelse this folder", &q.workspace,
     0, 0},
    OPENING_ARGS(&q.opening),
};
enum { OPTIONS = sizeof options / sizeof options[0] };

/* ---- streams ---------------------------------------------------------------------------------- */

/*
 * What is large goes back to the system when it is freed, and what is small comes from one heap. glibc keeps what is freed for the
 * thread that took it, and pictures and packets are freed by other threads: of four cameras, one of which comes and goes, heaps grew
 * by 6 MB in half an hour, most of it free.
 */
static void bound_heaps(void)
{
#ifdef M_ARENA_MAX
    enum { LARGE = 1 << 15 };
    mallopt(M_MMAP_THRESHOLD, LARGE);
    mallopt(M_ARENA_MAX, 1);
#endif
}

static void *room(size_t count, size_t size)
{
    void *p = calloc(count, size);
    if (!p)
        run_fail("no memory for %zu bytes", count * size);
    return p;
}

/* The flags and words say more than the file, so they are read again behind it. */
static spec *read_inputs(const args *a, int argc, char **argv, int *count)
{
    char **again = room((size_t)argc + 1, sizeof *again);
    memcpy(again, argv, (size_t)argc * sizeof *again);
    const int words = args_parse(a, argc, argv) - 1;
    spec *s = room((size_t)words + 1, sizeof *s);
    for (int i = 0; i < words; i++)
        spec_read(&s[i], argv[2 + i]);
    *count = words;
    if (q.config) {
        *count = spec_config(&q, options, OPTIONS, &s, words);
        args_parse(a, argc, again);
    }
    free(again);
    if (*count < 1 || *count > VIDEO_STREAMS)
        args_fail("%d inputs: there must be from 1 to %d", *count, VIDEO_STREAMS);
    spec_names(s, *count);
    return s;
}

static void make_stream(video *v, int i, const spec *from)
{
    stream *s = &v->stream[i];
    const int share = (int)(v->net.rows + v->streams - 1) / v->streams;
    const int in = from->live || share < VIDEO_IN ? VIDEO_IN : share;
    s->of = v;
    s->number = i;
    s->spec = *from;
    s->spec.every = from->every ? from->every : q.every;
    s->mean_pts = NAN;
    s->mean = room((size_t)v->net.classes, sizeof *s->mean);
    s->in_item = room((size_t)in, sizeof(void *));
    queue_make(&s->in, s->in_item, in, from->live, &v->bell);
    figures_make(&s->figures);
    if (!q.out)
        return;
    /* What is live must not wait for its writer; of files, all of a batch has room. */
    const int out = VIDEO_OUT + (from->live ? 0 : (int)v->net.rows + VIDEO_ROWS);
    writer_probe(s);
    s->out_item = room((size_t)out, sizeof(void *));
    queue_make(&s->out, s->out_item, out, from->live, &v->bell);
}

static void free_stream(stream *s)
{
    queue_free(&s->in);
    figures_free(&s->figures);
    spec_free(&s->spec);
    if (s->out_item)
        queue_free(&s->out);
    free(s->out_item);
    free(s->path);
    free(s->in_item);
    free(s->mean);
}

static void start(stream *s)
{
    s->writes = s->path && pthread_create(&s->writer, NULL, writer_thread, s) == 0;
    if (s->path && !s->writes)
        stream_fail(s, "no thread to write it");
    s->reads = pthread_create(&s->reader, NULL, source_thread, s) == 0;
    if (!s->reads) {
        stream_fail(s, "no thread to read it");
        queue_close(&s->in);
    }
}

static int64_t batch_of(const spec *s, int count)
{
    bool live = false;
    for (int i = 0; i < count; i++)
        live |= s[i].live;
    return q.batch ? q.batch : live ? count : VIDEO_ROWS;
}

static void open_nvdec(video *v)
{
    if (strcmp(q.decode, "cuda") != 0)
        return;
    const char *number = strncmp(q.device, "cuda:", 5) == 0 ? q.device + 5 : "0";
    if (nvdec_open(&v->nvdec, atoi(number)) != TN_OK)
        args_fail("%s", tn_error());
}

/* Lines of JSON are to be seen while they come, so they do not appear at the end as other files do. */
static FILE *open_json(void)
{
    const bool taken = q.out && strcmp(q.out, "-") == 0;
    if (taken && q.json && strcmp(q.json, "-") == 0)
        args_fail("--json -: stdout has the frames already");
    if (!q.json || strcmp(q.json, "-") == 0)
        return taken ? NULL : stdout;
    FILE *f = fopen(q.json, q.force ? "w" : "wx");
    if (!f)
        args_fail("%s: %s", q.json,
                  errno == EEXIST ? "is there already; --force writes it anew" : strerror(errno));
    return f;
}

static int run(video *v)
{
    bool failed;
    sigset_t all, before;
    batch *b = batch_make(v);
    sigfillset(&all); /* this thread hears of signals, and tells the others */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    for (int i = 0; i < v->streams; i++)
        start(&v->stream[i]);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    batch_all(b);
    batch_free(b);
    for (int i = 0; i < v->streams; i++)
        if (v->stream[i].reads)
            pthread_join(v->stream[i].reader, NULL);
    for (int i = 0; i < v->streams; i++)
        if (v->stream[i].writes)
            pthread_join(v->stream[i].writer, NULL);
    if (!q.quiet)
        figures_tell(v, true);
    failed = v->failed;
    for (int i = 0; i < v->streams; i++)
        failed |= atomic_load(&v->stream[i].failed);
    return stop_asked() ? stop_status() : failed;
}

int main(int argc, char **argv)
{
    const args a = {.usage = "tenon-video MODEL INPUT... [options]",
                    .what = "runs a model on videos, cameras and streams",
                    .about = about,
                    .more = more,
                    .options = options,
                    .count = OPTIONS,
                    .min_words = 1,
                    .max_words = -1,
                    .words = "a model"};
    static video v;
    bound_heaps();
    spec *s = read_inputs(&a, argc, argv, &v.streams);
    log_catch();
    net_open(&v.net, &q, argv[1], batch_of(s, v.streams));
    v.q = q;
    v.cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
    open_nvdec(&v);
    v.json = open_json();
    v.stream = room((size_t)v.streams, sizeof *v.stream);
    bell_make(&v.bell);
    for (int i = 0; i < v.streams; i++)
        make_stream(&v, i, &s[i]);
    free(s);
    stop_catch(NULL);
    const int status = run(&v);
    for (int i = 0; i < v.streams; i++)
        free_stream(&v.stream[i]);
    free(v.stream);
    nvdec_close(&v.nvdec);
    bell_free(&v.bell);
    net_close(&v.net);
    return v.json && fclose(v.json) != 0 && status == 0 ? 1 : status;
}
