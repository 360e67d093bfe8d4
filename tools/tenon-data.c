/*
 * tenon-data: what there is to do with a set of pictures before it is trained on, a command each.
 */
#include <stdio.h>
#include <string.h>

#include "data/data.h"

static const struct {
    const char *name, *what;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"check", "looks at every file and says what is wrong with the set", data_check},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static int help(void)
{
    printf("Usage: tenon-data COMMAND [...]\n"
           "       tenon-data COMMAND --help\n\n");
    for (int i = 0; i < COMMANDS; i++)
        printf("  %-8s %s\n", commands[i].name, commands[i].what);
    return fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;
    if (word && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0))
        return help();
    for (int i = 0; word && i < COMMANDS; i++)
        if (strcmp(word, commands[i].name) == 0) {
            char name[64];
            snprintf(name, sizeof name, "tenon-data %s", word);
            argv[1] = name;
            return commands[i].run(argc - 1, argv + 1);
        }
    if (word)
        fprintf(stderr, "tenon-data: there is no command %s (--help lists them)\n", word);
    else
        fprintf(stderr, "tenon-data: which command? (--help lists them)\n");
    return 2;
}
