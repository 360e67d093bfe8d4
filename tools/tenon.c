/*
 * tenon: one command for all of them. `tenon NAME ...` becomes tenon-NAME, found beside this program or else on
 * PATH, so that anybody can add one of his own. `tenon help NAME` becomes man on its page, or else its --help.
 */
#define _POSIX_C_SOURCE 200809L /* readlink, access, execv */

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/man.h"

static const char prefix[] = "tenon-";
enum { PREFIX = sizeof prefix - 1, MAX_FOUND = 256, MAX_NAME = 64 };

static const char what[] = "starts the programs of Tenon";
static const char usage[] = "tenon NAME [...]\ntenon help NAME\ntenon --version";
static const char about[] = "Starts tenon-NAME with the words behind it, found beside tenon itself "
                            "or else in a folder of PATH: so an\n"
                            "executable tenon-mine of your own is \"tenon mine\". Alone it lists "
                            "what there is. \"tenon help NAME\" shows the\n"
                            "manual page of tenon-NAME, or, where there is no man or no page, asks "
                            "the program how it is used. A name that\n"
                            "there is none of gets the nearest one that there is.";
static const char more[] =
    "Exit status: the program's; 2 if there is none of that name, 1 if it cannot be started.";

/* What those that come with Tenon do. */
static const struct {
    const char *name, *what;
} known[] = {
    {"build", "makes an engine of a trained model, one file that is run anywhere"},
    {"data", "looks at a set of pictures, shares it out and packs it, before it is trained on"},
    {"doctor", "looks at this machine: what is missing, what is slow, and what to do about it"},
    {"eval", "how good a model is on a set of pictures, as a whole and class by class"},
    {"model", "tells what the file of a net holds, and turns it into another kind of file"},
    {"infer", "runs an engine on pictures, times it, and compares it with its model"},
    {"plan", "what a network takes on a GPU: memory, kernels, the least time a step can take"},
    {"run", "lists runs, shows, compares, plots, steers, repeats and removes them"},
    {"serve", "shows samples, runs and models of a workspace in a browser"},
    {"shapes", "paints pictures of ten classes, to try things with"},
    {"speed", "what a GPU, and cuDNN on it, are worth: one net trained on CPU and GPU"},
    {"train", "trains any network on a folder of images, in a run that can be resumed"},
    {"video", "runs a model on videos, cameras and streams"},
};
enum { KNOWN = sizeof known / sizeof known[0] };

typedef struct command {
    char name[MAX_NAME], path[PATH_MAX];
} command;

static struct {
    command at[MAX_FOUND];
    int count;
} found;

static command *find(const char *name)
{
    for (int i = 0; i < found.count; i++)
        if (strcmp(found.at[i].name, name) == 0)
            return &found.at[i];
    return NULL;
}

/* Programs of a folder; one of the same name in an earlier folder stays. */
static void look_in(const char *folder)
{
    DIR *d = opendir(folder);
    for (const struct dirent *e; d && (e = readdir(d));) {
        command c = {0};
        if (strncmp(e->d_name, prefix, PREFIX) != 0 || !e->d_name[PREFIX] ||
            strlen(e->d_name + PREFIX) >= MAX_NAME || found.count == MAX_FOUND)
            continue;
        const int length = snprintf(c.path, sizeof c.path, "%s/%s", folder, e->d_name);
        if (length >= (int)sizeof c.path || access(c.path, X_OK) != 0 || find(e->d_name + PREFIX))
            continue;
        snprintf(c.name, sizeof c.name, "%s", e->d_name + PREFIX);
        found.at[found.count++] = c;
    }
    if (d)
        closedir(d);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const command *)a)->name, ((const command *)b)->name);
}

static void look(void)
{
    char own[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    own[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(own, '/');
    if (slash) {
        *slash = '\0';
        look_in(own[0] ? own : "/");
    }
    const char *path = getenv("PATH");
    while (path && *path) {
        char folder[PATH_MAX];
        const size_t bytes = strcspn(path, ":");
        if (bytes > 0 && bytes < sizeof folder) {
            memcpy(folder, path, bytes);
            folder[bytes] = '\0';
            look_in(folder);
        }
        path += bytes + (path[bytes] == ':');
    }
    qsort(found.at, (size_t)found.count, sizeof *found.at, by_name);
}

/* How many letters must be changed, added or left out (Levenshtein 1966). */
static int distance(const char *a, const char *b)
{
    int row[MAX_NAME + 1];
    const int width = (int)strlen(b);
    for (int j = 0; j <= width; j++)
        row[j] = j;
    for (int i = 0; a[i]; i++) {
        int corner = row[0];
        row[0] = i + 1;
        for (int j = 0; j < width; j++) {
            const int change = corner + (a[i] != b[j]);
            const int other = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
            corner = row[j + 1];
            row[j + 1] = change < other ? change : other;
        }
    }
    return row[width];
}

static int unknown(const char *name)
{
    const command *near = NULL;
    int least = 4; /* further off than that it is another word */
    for (int i = 0; i < found.count; i++) {
        const int d = distance(name, found.at[i].name);
        if (d < least && d < (int)strlen(name)) {
            least = d;
            near = &found.at[i];
        }
    }
    if (near)
        fprintf(stderr, "tenon: there is no tenon-%s; did you mean \"tenon %s\"?\n", name,
                near->name);
    else
        fprintf(stderr,
                "tenon: there is no tenon-%s beside tenon or on PATH; \"tenon\" lists what there "
                "is\n",
                name);
    return 2;
}

static int list(void)
{
    printf("Usage: tenon NAME [...]      starts tenon-NAME\n"
           "       tenon help NAME       how it is used\n"
           "       tenon --version\n\n");
    for (int i = 0; i < found.count; i++) {
        const char *does = found.at[i].path;
        for (size_t k = 0; k < KNOWN; k++)
            if (strcmp(known[k].name, found.at[i].name) == 0)
                does = known[k].what;
        printf("  %-8s %s\n", found.at[i].name, does);
    }
    if (found.count == 0)
        printf("No tenon-NAME is beside tenon or on PATH.\n");
    return fflush(stdout) == 0 ? 0 : 1;
}

static int page(void)
{
    man_begin(stdout, "tenon", what, usage, about);
    man_heading(stdout, "COMMANDS");
    for (size_t i = 0; i < KNOWN; i++)
        man_item(stdout, known[i].name, known[i].what);
    man_heading(stdout, "OPTIONS");
    man_item(stdout, "--version", "the version, and end");
    man_item(stdout, "--help", "list what there is, and end");
    man_text(stdout, more);
    return fflush(stdout) == 0 ? 0 : 1;
}

/* Becomes man with the program's page, if there are both. */
static void show_page(const command *c)
{
    char path[PATH_MAX];
    const int folder = (int)(strrchr(c->path, '/') - c->path);
    const int length = snprintf(path, sizeof path, "%.*s/" TENON_TO_MAN "/man1/%s%s.1", folder,
                                c->path, prefix, c->name);
    if (length < (int)sizeof path && access(path, R_OK) == 0)
        execlp("man", "man", path, (char *)NULL);
}

static int start(command *c, char **argv, int help)
{
    char *ask[] = {c->path, (char[]){"--help"}, NULL};
    if (help)
        show_page(c);
    argv[1] = c->path;
    execv(c->path, help ? ask : argv + 1);
    fprintf(stderr, "tenon: %s cannot be started: %s\n", c->path, strerror(errno));
    return 1;
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "help";
    const int help = strcmp(word, "help") == 0 || strcmp(word, "--help") == 0;
    if (strcmp(word, "--version") == 0)
        return printf("tenon %s\n", TENON_VERSION) < 0 || fflush(stdout) != 0;
    if (strcmp(word, "--man") == 0)
        return page();
    look();
    if (help && argc < 3)
        return list();
    if (word[0] == '-' && !help) {
        fprintf(stderr, "tenon: there is no option %s; \"tenon\" lists what there is\n", word);
        return 2;
    }
    command *c = find(help ? argv[2] : word);
    return c ? start(c, argv, help) : unknown(help ? argv[2] : word);
}
