/*
 * The options of a CPU device, "threads=2,pin=on".
 */
#include "backends/cpu/device/options.h"

#include <stddef.h>
#include <stdlib.h>

#include "backends/options.h"
#include "base/thread.h"

enum { MAX_THREADS = 1024 };

/* What the words say; a number of threads is this device's only when shared out. */
typedef struct words {
    int64_t threads; /* 0: not given */
    bool pin, reference;
    int prefer;
} words;

static const tn_option known[] = {
    {"threads", TN_OPTION_NUMBER, offsetof(words, threads), 1, MAX_THREADS, NULL},
    {"pin", TN_OPTION_SWITCH, offsetof(words, pin), 0, 0, NULL},
    {"reference", TN_OPTION_SWITCH, offsetof(words, reference), 0, 0, NULL},
    /* As tn_cpu_prefer has them. */
    {"prefer", TN_OPTION_CHOICE, offsetof(words, prefer), 0, 0,
     "fastest|first|tiles|winograd|winograd4x4|direct"},
    {0},
};

/* A number of threads that the environment has, OMP_NUM_THREADS=4 or "4,2"; 0: none, or it is no such number. */
static int threads_of(const char *name)
{
    const char *text = getenv(name);
    char *end = NULL;
    const long threads = text ? strtol(text, &end, 10) : 0;
    if (!text || end == text || (*end != '\0' && *end != ',') || threads < 1)
        return 0;
    return threads < MAX_THREADS ? (int)threads : MAX_THREADS;
}

/* What OMP_NUM_THREADS says, else every core this process may use. */
static int default_threads(void)
{
    const int threads = threads_of("OMP_NUM_THREADS"), cores = tn_cores();
    return threads ? threads : cores < MAX_THREADS ? cores : MAX_THREADS;
}

int tn_cpu_thread_limit(void)
{
    const int limit = threads_of("OMP_THREAD_LIMIT");
    return limit ? limit : MAX_THREADS;
}

/* threads=N is what the replicas of one process have together; the default is shared by all ranks that may run on
 * the same cores, too. Each replica has one thread at least. */
static tn_status share(const tn_open_opts *opts, tn_cpu_opts *o)
{
    const int ranks = opts->nears > 0 ? opts->nears : 1, parts = ranks * opts->places;
    const int part = opts->near * opts->places + opts->place;
    if (o->threads && o->threads < opts->places)
        return tn_fail(TN_ERR_ARGUMENT, "cpu: threads=%d is not enough for %d replicas", o->threads,
                       opts->places);
    o->all = o->threads ? o->threads * ranks : default_threads();
    if (o->all < parts)
        o->all = parts;
    const int rest = o->all % parts;
    o->threads = o->all / parts + (part < rest);
    o->first = o->all / parts * part + (part < rest ? part : rest);
    return TN_OK;
}

tn_status tn_cpu_read_options(const tn_open_opts *opts, tn_cpu_opts *out)
{
    words w = {0};
    unsigned given;
    TN_TRY(tn_options_read("cpu", known, opts->options, &w, &given));
    tn_cpu_opts o = {.threads = (int)w.threads,
                     .pin = w.pin,
                     .reference = w.reference,
                     .prefer = (tn_cpu_prefer)w.prefer};
    TN_TRY(share(opts, &o));
    if (o.reference && !TN_WHOLE)
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "cpu: option reference: libtenon-infer has no such kernels");
    if (o.reference && o.prefer != TN_CPU_FASTEST)
        return tn_fail(TN_ERR_ARGUMENT,
                       "cpu: option prefer chooses among kernels that reference leaves out");
    *out = o;
    return TN_OK;
}
