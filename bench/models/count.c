/*
 * tenon_count: goes through folders, gives each file of another program to Tenon in a process of its own, and counts what
 * becomes of them. A line a file, parted by tabs: kind, outcome, path, why; then how many there are of each, and the reasons.
 */
#define _XOPEN_SOURCE 700 /* nftw */

#include "count.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const kind_names[] = {"caffe-net", "caffe-solver", "caffe-other", "onnx-model",
                                         "onnx-test"};
static const char *const outcome_names[] = {"imports", "right",  "refused", "wrong",
                                            "unread",  "failed", "crashed", "late"};

static long counts[KINDS][OUTCOMES];
static char **paths;
static size_t num_paths, path_room;
static unsigned seconds = 60;
static unsigned long gibibytes; /* 0: as many as it takes */

/* ---- why, without names and numbers, so that the same reason is counted as one ------------------ */

typedef struct reason {
    char text[240];
    kind kind;
    long files;
} reason;

static reason reasons[4000];
static int num_reasons;

static void add_reason(kind k, const char *text)
{
    int at = 0;
    while (at < num_reasons && (reasons[at].kind != k || strcmp(reasons[at].text, text) != 0))
        at++;
    if (at == (int)(sizeof reasons / sizeof *reasons))
        return;
    if (at == num_reasons) {
        reasons[num_reasons] = (reason){.kind = k};
        snprintf(reasons[num_reasons++].text, sizeof reasons->text, "%s", text);
    }
    reasons[at].files++;
}

/* One piece of it, up to "; ", without what is quoted or in brackets; digits are one "#". What is behind it. */
static const char *plain(const char *from, char *to, size_t room)
{
    size_t length = 0;
    int depth = 0;
    bool quoted = false;
    for (; *from && (depth || quoted || strncmp(from, "; ", 2) != 0); from++) {
        const char last = length ? to[length - 1] : ' ';
        const char now = *from >= '0' && *from <= '9' ? '#' : *from;
        const bool inside = quoted || depth || now == '(' || now == '"';
        quoted ^= now == '"';
        depth += quoted ? 0 : (now == '(') - (now == ')' && depth);
        if (inside || length + 1 >= room || (now == last && (now == ' ' || now == '#')))
            continue;
        length -= now == ':' && last == ' ' && length;
        to[length++] = now;
    }
    to[length] = '\0';
    return *from ? from + 2 : from;
}

/* All that a file was refused for, each once. */
static void count_reasons(kind k, const char *path, const char *why)
{
    const char *list = strstr(why, "cannot be imported: ");
    char text[240], seen[4000] = "";
    if (list)
        why = list + strlen("cannot be imported: ");
    else if (strncmp(why, path, strlen(path)) == 0)
        why += strlen(path);
    while (*why == ':' || *why == ' ')
        why++;
    while (*why) {
        why = plain(why, text, sizeof text);
        const size_t used = strlen(seen);
        if (strstr(seen, text))
            continue;
        snprintf(seen + used, sizeof seen - used, "%s\n", text);
        add_reason(k, text);
    }
}

static int by_files(const void *a, const void *b)
{
    const reason *x = a, *y = b;
    return x->kind != y->kind     ? (int)x->kind - (int)y->kind
           : x->files != y->files ? (x->files < y->files) - (x->files > y->files)
                                  : strcmp(x->text, y->text);
}

/* ---- one file ----------------------------------------------------------------------------------- */

static void judge(kind k, const char *path, verdict *v)
{
    if (k == ONNX_TEST)
        judge_test(path, v);
    else if (k == ONNX_MODEL)
        judge_onnx(path, v);
    else
        judge_caffe(path, k, v);
}

static _Noreturn void child(kind k, const char *path, int to)
{
    static verdict v;
    const struct rlimit memory = {gibibytes << 30, gibibytes << 30}, core = {0, 0};
    alarm(seconds);
    setrlimit(RLIMIT_CORE, &core);
    if (gibibytes)
        setrlimit(RLIMIT_AS, &memory);
    judge(k, path, &v);
    const char *p = (const char *)&v;
    for (size_t left = sizeof v; left;) {
        const ssize_t put = write(to, p, left);
        if (put <= 0)
            _exit(3);
        p += put;
        left -= (size_t)put;
    }
    _exit(0);
}

static void fail(const char *what)
{
    fprintf(stderr, "tenon_count: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void ask(kind k, const char *path, verdict *v)
{
    int ends[2], status;
    if (pipe(ends) != 0)
        fail("pipe");
    fflush(stdout);
    const pid_t pid = fork();
    if (pid < 0)
        fail("fork");
    if (pid == 0)
        child(k, path, ends[1]);
    close(ends[1]);
    size_t got = 0;
    for (ssize_t more;
         got < sizeof *v && (more = read(ends[0], (char *)v + got, sizeof *v - got)) > 0;)
        got += (size_t)more;
    close(ends[0]);
    if (waitpid(pid, &status, 0) != pid)
        fail("waitpid");
    if (got == sizeof *v && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    v->outcome = signal == SIGALRM ? LATE : CRASHED;
    if (signal)
        snprintf(v->why, sizeof v->why, "%s", strsignal(signal));
    else
        snprintf(v->why, sizeof v->why, "exit status %d", WEXITSTATUS(status));
}

static void take(kind k, const char *path)
{
    static verdict v;
    memset(&v, 0, sizeof v);
    ask(k, path, &v);
    for (char *p = v.why; *p; p++)
        *p = *p == '\n' || *p == '\t' ? ' ' : *p;
    printf("%s\t%s\t%s\t%s\n", kind_names[k], outcome_names[v.outcome], path, v.why);
    counts[k][v.outcome]++;
    if (v.outcome != IMPORTS && v.outcome != RIGHT)
        count_reasons(k, path, v.why);
}

/* ---- folders ------------------------------------------------------------------------------------ */

static int remember(const char *path, const struct stat *about, int type, struct FTW *at)
{
    (void)about;
    (void)at;
    if (type != FTW_F)
        return 0;
    if (num_paths == path_room) {
        path_room = path_room ? 2 * path_room : 256;
        paths = realloc(paths, path_room * sizeof *paths);
        if (!paths)
            fail("paths");
    }
    if (!(paths[num_paths++] = strdup(path)))
        fail("paths");
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool ends_with(const char *text, const char *end)
{
    const size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

static void take_file(char *path)
{
    char data[4200];
    if (ends_with(path, ".prototxt")) {
        take(caffe_kind(path), path);
        return;
    }
    if (!ends_with(path, ".onnx"))
        return;
    char *slash = strrchr(path, '/');
    snprintf(data, sizeof data, "%.*s/test_data_set_0", slash ? (int)(slash - path) : 1,
             slash ? path : ".");
    const bool test = ends_with(path, "/model.onnx") && access(data, F_OK) == 0;
    if (test)
        *slash = '\0';
    take(test ? ONNX_TEST : ONNX_MODEL, path);
}

static void tell(void)
{
    qsort(reasons, (size_t)num_reasons, sizeof *reasons, by_files);
    for (int k = 0; k < KINDS; k++) {
        long all = 0;
        for (int o = 0; o < OUTCOMES; o++)
            all += counts[k][o];
        if (!all)
            continue;
        printf("\nsum\t%s\t%ld", kind_names[k], all);
        for (int o = 0; o < OUTCOMES; o++)
            printf("\t%s=%ld", outcome_names[o], counts[k][o]);
        printf("\n");
        for (int i = 0; i < num_reasons; i++)
            if ((int)reasons[i].kind == k)
                printf("why\t%s\t%ld\t%s\n", kind_names[k], reasons[i].files, reasons[i].text);
    }
}

int main(int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "s:m:o")) != -1)
        if (option == 's')
            seconds = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 'm')
            gibibytes = strtoul(optarg, NULL, 10);
        else if (option == 'o')
            judge_optimised = true;
        else
            optind = argc;
    if (optind >= argc) {
        fprintf(stderr, "usage: tenon_count [-o] [-s SECONDS] [-m GIB] FOLDER...   of each file\n");
        return 2;
    }
    for (int i = optind; i < argc; i++)
        if (nftw(argv[i], remember, 32, FTW_PHYS) != 0)
            fail(argv[i]);
    if (num_paths)
        qsort(paths, num_paths, sizeof *paths, by_name);
    for (size_t i = 0; i < num_paths; i++)
        take_file(paths[i]);
    tell();
    return 0;
}
