#include "solver.h"

#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "opening.h"

/* What follows an option, in the same word or the next; NULL: it is not there. */
static char *find(int argc, char **argv, const char *option)
{
    const size_t length = strlen(option);
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], option, length) != 0)
            continue;
        if (argv[i][length] == '=')
            return argv[i] + length + 1;
        if (argv[i][length] == '\0' && i + 1 < argc)
            return argv[i + 1];
    }
    return NULL;
}

static void *room(size_t bytes)
{
    void *p = calloc(bytes, 1);
    if (!p)
        run_fail("no memory for a command line");
    return p;
}

static char *option(const char *word, size_t length)
{
    char *text = room(length + 3);
    memcpy(text, "--", 2);
    memcpy(text + 2, word, length);
    return text;
}

char **solver_expand(int *argc, char **argv)
{
    static char **all; /* for as long as the program lives: options point to its words */
    char *path = find(*argc, argv, "--solver");
    tn_model *model = NULL;
    if (!path)
        return argv;
    const tn_model_opts opts = {.no_net = true};
    args_program(argv[0]);
    if (tn_model_open(&model, path, &opts) != TN_OK)
        args_fail("%s", tn_error());
    const char *recipe = tn_model_fact(model, "tenon.recipe");
    if (!recipe)
        args_fail("--solver: %s is no solver of Caffe's", path);
    const bool has_net = find(*argc, argv, "--net");
    if (has_net) /* else it is told of when its net is opened */
        opening_tell(model);
    size_t words = 1;
    for (const char *p = recipe; *p; p++)
        words += *p == ' ';
    all = room(((size_t)*argc + words + 3) * sizeof *all);
    int count = 0;
    all[count++] = argv[0];
    for (const char *p = recipe; *p; p += *p == ' ') {
        const size_t length = strcspn(p, " ");
        all[count++] = option(p, length);
        p += length;
    }
    if (!has_net) {
        all[count++] = option("net", 3);
        all[count++] = path;
    }
    memcpy(all + count, argv + 1, (size_t)*argc * sizeof *all); /* with the NULL behind them */
    *argc += count - 1;
    tn_model_close(model);
    return all;
}
