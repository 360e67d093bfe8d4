/*
 * The options of a CPU device, "threads=2,pin=on": words of key=value, each once, in any order.
 */
#include "backends/cpu/device/options.h"

#include <errno.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/thread.h"

enum { MAX_THREADS = 1024 };

static tn_status read_threads(const char *value, tn_cpu_opts *o)
{
    char *end;
    errno = 0;
    const long n = strtol(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || errno || n < 1 || n > MAX_THREADS)
        return tn_fail(TN_ERR_ARGUMENT, "cpu: threads=%s is not a number from 1 to %d", value,
                       MAX_THREADS);
    o->threads = (int)n;
    return TN_OK;
}

static tn_status read_pin(const char *value, tn_cpu_opts *o)
{
    o->pin = strcmp(value, "on") == 0;
    if (o->pin || strcmp(value, "off") == 0)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT, "cpu: option pin=%s: on or off is wanted", value);
}

/* A word without a value. */
static tn_status read_reference(const char *value, tn_cpu_opts *o)
{
    (void)value;
    o->reference = true;
    return TN_OK;
}

static tn_status read_prefer(const char *value, tn_cpu_opts *o)
{
    static const char *const kernel[] = {
        [TN_CPU_FIRST] = "first",
        [TN_CPU_TILES] = "tiles",
        [TN_CPU_WINOGRAD] = "winograd",
        [TN_CPU_WINOGRAD_4X4] = "winograd4x4",
    };
    for (size_t i = TN_CPU_FIRST; i < TN_COUNT(kernel); i++)
        if (strcmp(value, kernel[i]) == 0) {
            o->prefer = (tn_cpu_prefer)i;
            return TN_OK;
        }
    return tn_fail(TN_ERR_ARGUMENT,
                   "cpu: option prefer=%s: first, tiles, winograd or winograd4x4 is wanted", value);
}

static tn_status read_word(const char *word, tn_cpu_opts *o, unsigned *seen)
{
    static const struct {
        const char *key; /* with the "=" where a value follows */
        tn_status (*read)(const char *value, tn_cpu_opts *o);
    } known[] = {{"threads=", read_threads},
                 {"pin=", read_pin},
                 {"reference", read_reference},
                 {"prefer=", read_prefer}};
    for (size_t i = 0; i < TN_COUNT(known); i++) {
        const size_t length = strlen(known[i].key);
        if (strncmp(word, known[i].key, length) != 0 ||
            (known[i].key[length - 1] != '=' && word[length]))
            continue;
        if (*seen & 1U << i)
            return tn_fail(TN_ERR_ARGUMENT, "cpu: option %.*s is there twice",
                           (int)strcspn(known[i].key, "="), known[i].key);
        *seen |= 1U << i;
        return known[i].read(word + length, o);
    }
    return tn_fail(
        TN_ERR_ARGUMENT,
        "cpu: option \"%s\" is none of threads=N, pin=on, pin=off, reference and prefer=KERNEL",
        word);
}

static tn_status read_words(const char *text, tn_cpu_opts *o)
{
    unsigned seen = 0;
    while (*text) {
        char word[64];
        const size_t length = strcspn(text, ",");
        if (length >= sizeof word)
            return tn_fail(TN_ERR_ARGUMENT, "cpu: option \"%s\" is too long", text);
        memcpy(word, text, length);
        word[length] = 0;
        TN_TRY(read_word(word, o, &seen));
        text += length;
        if (text[0] == ',' && !text[1])
            return tn_fail(TN_ERR_ARGUMENT, "cpu: no option follows the last comma");
        text += *text == ',';
    }
    return TN_OK;
}

/* What OMP_NUM_THREADS says, else every core this process may use. */
static int default_threads(void)
{
    const int threads = getenv("OMP_NUM_THREADS") ? omp_get_max_threads() : tn_cores();
    return threads < MAX_THREADS ? threads : MAX_THREADS;
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
    tn_cpu_opts o = {0};
    TN_TRY(read_words(opts->options, &o));
    TN_TRY(share(opts, &o));
    if (o.reference && o.prefer != TN_CPU_FASTEST)
        return tn_fail(TN_ERR_ARGUMENT,
                       "cpu: option prefer chooses among kernels that reference leaves out");
    *out = o;
    return TN_OK;
}
