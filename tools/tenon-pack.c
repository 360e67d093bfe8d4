/*
 * tenon-pack: decode a data set once, so that training reads pixels instead of files.
 */
#define _XOPEN_SOURCE 700 /* isatty, fileno, clock_gettime; SIGXFSZ */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <tenon/tenon.h>

static const char HELP[] =
    "usage: tenon-pack SET OUT [flags]\n"
    "\n"
    "Decodes every image of SET, scales its short side to the size, cuts out the middle, and\n"
    "writes what is left to the folder OUT, which can then be trained on in place of SET:\n"
    "\n"
    "  images.npy   N x SIZE x SIZE x 3 bytes, RGB\n"
    "  labels.npy   N numbers of classes, int32\n"
    "  classes.txt  their names, one a line\n"
    "\n"
    "numpy.load() opens the arrays too. Training then reads many times as many images a\n"
    "second, from a file of SIZE x SIZE x 3 bytes an image (196 kB at 256), but sees no more\n"
    "than these pixels: choose the size that evaluation scales to, not the network's input.\n"
    "\n"
    "SET is a folder with one subfolder a class, or a text file with a line \"path label\" an\n"
    "image.\n"
    "\n"
    "  --size S        pixels on a side (default 256)\n"
    "  --classes SET   take names and numbers of classes from this set: pack validation with\n"
    "                  --classes and the training set, so that both number them alike\n"
    "  --max-bad P     per cent of the files that may be unreadable; they are named and left\n"
    "                  out (default 1; one is always allowed, but with 0 none)\n"
    "  --threads N     (default: the number of cores)\n"
    "  --quiet         only say what went wrong\n"
    "  --help          this text\n"
    "\n"
    "Exit status: 0; 1 if reading or writing failed, when OUT is as it was; 2 if the flags, the\n"
    "set or OUT make no sense.\n";

typedef struct arguments {
    const char *set, *out, *classes;
    double size, threads, max_bad;
    bool quiet;
} arguments;

/* A flag that takes a number. */
typedef struct number_flag {
    const char *name;
    double low, high;
    bool whole;
    double *value;
} number_flag;

static bool read_number(const number_flag *f, const char *text)
{
    char *end;
    errno = 0;
    const double value = strtod(text, &end);
    const bool is_number = *text && !*end && !errno && value >= f->low && value <= f->high;
    if (!is_number || (f->whole && value != (double)(int)value)) {
        fprintf(stderr, "tenon-pack: %s wants a %snumber from %g to %g, not \"%s\"\n", f->name,
                f->whole ? "whole " : "", f->low, f->high, text);
        return false;
    }
    *f->value = value;
    return true;
}

/* One argument, and the one behind it if it is a flag that takes one; false after saying why not. */
static bool read_argument(arguments *a, char **argv, int *i)
{
    const number_flag flags[] = {{"--size", 1, 16384, true, &a->size},
                                 {"--threads", 1, 1024, true, &a->threads},
                                 {"--max-bad", 0, 100, false, &a->max_bad}};
    const char *text = argv[*i], *next = argv[*i + 1] ? argv[*i + 1] : "";
    for (size_t f = 0; f < sizeof flags / sizeof flags[0]; f++)
        if (strcmp(text, flags[f].name) == 0) {
            ++*i;
            return read_number(&flags[f], next);
        }
    if (strcmp(text, "--quiet") == 0)
        return a->quiet = true;
    if (strcmp(text, "--classes") == 0 && *next) {
        a->classes = argv[++*i];
    } else if (text[0] == '-') {
        fprintf(stderr, "tenon-pack: what is \"%s\"? See tenon-pack --help.\n", text);
        return false;
    } else if (!a->set) {
        a->set = text;
    } else if (!a->out) {
        a->out = text;
    } else {
        fprintf(stderr, "tenon-pack: one set and one folder, please; what is \"%s\"?\n", text);
        return false;
    }
    return true;
}

static bool read_arguments(arguments *a, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!read_argument(a, argv, &i))
            return false;
    if (a->set && a->out)
        return true;
    fprintf(stderr, "tenon-pack: %s See tenon-pack --help.\n",
            a->set ? "which folder to write to?" : "which set to pack?");
    return false;
}

typedef struct report {
    bool terminal;
    struct timespec start;
    int64_t done, bad;
} report;

static void say_bad(void *arg, const char *path, const char *reason)
{
    report *r = arg;
    r->bad++;
    fprintf(stderr, "%sleft out: %s: %s\n", r->terminal ? "\r\033[K" : "", path, reason);
}

static void say_progress(void *arg, int64_t done, int64_t of)
{
    report *r = arg;
    r->done = done;
    if (!r->terminal)
        return;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const double seconds =
        (double)(now.tv_sec - r->start.tv_sec) + (double)(now.tv_nsec - r->start.tv_nsec) * 1e-9;
    const double rate = seconds > 0 ? (double)done / seconds : 0;
    fprintf(stderr, "\r\033[K%lld of %lld images, %.0f a second, %.0f s left", (long long)done,
            (long long)of, rate, rate > 0 ? (double)(of - done) / rate : 0);
}

/* Opens the set, and first the one that classes are taken from. */
static tn_status open_set(const arguments *a, tn_dataset **set)
{
    tn_dataset *classes = NULL;
    tn_status status = TN_OK;
    if (a->classes)
        status = tn_dataset_open(&classes, &(tn_dataset_opts){.path = a->classes});
    if (status == TN_OK)
        status = tn_dataset_open(set, &(tn_dataset_opts){.path = a->set, .classes_of = classes});
    tn_dataset_close(classes);
    return status;
}

static tn_status pack(const arguments *a, const tn_dataset *set)
{
    report r = {.terminal = !a->quiet && isatty(fileno(stderr))};
    clock_gettime(CLOCK_MONOTONIC, &r.start);
    for (int i = 0; !a->quiet && i < tn_dataset_num_notices(set); i++)
        fprintf(stderr, "note: %s\n", tn_dataset_notice(set, i));
    const tn_status status = tn_dataset_pack(set, &(tn_pack_opts){.folder = a->out,
                                                                  .side = (int)a->size,
                                                                  .threads = (int)a->threads,
                                                                  .max_bad = TN_EXACTLY(a->max_bad),
                                                                  .bad = say_bad,
                                                                  .progress = say_progress,
                                                                  .arg = &r});
    if (r.terminal)
        fputs("\r\033[K", stderr);
    if (status == TN_OK && !a->quiet)
        printf("%s: %lld images of %d classes, %d x %d; %lld files left out\n", a->out,
               (long long)(r.done - r.bad), tn_dataset_classes(set), (int)a->size, (int)a->size,
               (long long)r.bad);
    return status;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0)
            return fputs(HELP, stdout) < 0;
    arguments a = {.size = 256, .max_bad = 1};
    if (!read_arguments(&a, argc, argv))
        return 2;
    signal(SIGXFSZ,
           SIG_IGN); /* a file above the shell's limit is an error of write, as a full disk is */
    tn_dataset *set = NULL;
    if (open_set(&a, &set) != TN_OK) {
        fprintf(stderr, "tenon-pack: %s\n", tn_error());
        return 2;
    }
    const tn_status status = pack(&a, set);
    tn_dataset_close(set);
    if (status != TN_OK)
        fprintf(stderr, "tenon-pack: %s\n", tn_error());
    return status == TN_OK ? 0 : status == TN_ERR_ARGUMENT ? 2 : 1;
}
