#include "commands.h"

#include <stdio.h>
#include <string.h>

static int help(const char *program, const command *commands, int count)
{
    printf("Usage: %s COMMAND [...]\n"
           "       %s COMMAND --help\n\n",
           program, program);
    for (int i = 0; i < count; i++)
        printf("  %-8s  %s\n", commands[i].name, commands[i].what);
    return fflush(stdout) == 0 ? 0 : 1;
}

int commands_run(const char *program, const command *commands, int count, int argc, char **argv)
{
    char name[64];
    const char *word = argc > 1 ? argv[1] : NULL;
    if (word && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0))
        return help(program, commands, count);
    for (int i = 0; word && i < count; i++)
        if (strcmp(word, commands[i].name) == 0) {
            snprintf(name, sizeof name, "%s %s", program, word);
            argv[1] = name;
            return commands[i].run(argc - 1, argv + 1);
        }
    if (word)
        fprintf(stderr, "%s: there is no command %s (--help lists them)\n", program, word);
    else
        fprintf(stderr, "%s: which command? (--help lists them)\n", program);
    return 2;
}
