#define _POSIX_C_SOURCE 200809L /* fork, waitpid */

#include "commands.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "args.h"
#include "man.h"

static int help(const command_set *c)
{
    int width = 8;
    printf("Usage: %s COMMAND [...]\n       %s COMMAND --help\n\n%s\n\n", c->program, c->program,
           c->about);
    for (int i = 0; i < c->count; i++) {
        const int length = (int)strlen(c->command[i].name);
        width = length > width ? length : width;
    }
    for (int i = 0; i < c->count; i++)
        printf("  %-*s  %s\n", width, c->command[i].name, c->command[i].what);
    return fflush(stdout) == 0 ? 0 : 1;
}

/* A command knows its table alone, and ends when it has shown it: in a process of its own. */
static int show_section(const command_set *c, const command *of)
{
    char name[128], option[] = "--man-section";
    snprintf(name, sizeof name, "%s %s", c->program, of->name);
    char *argv[] = {name, option, NULL};
    int status = 0;
    if (fflush(stdout) != 0)
        return 1;
    const pid_t child = fork();
    if (child == 0)
        _exit(of->run(2, argv) == 0 && fflush(stdout) == 0 ? 0 : 1);
    if (child < 0 || waitpid(child, &status, 0) != child)
        return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int man(const command_set *c)
{
    char usage[128];
    snprintf(usage, sizeof usage, "%s COMMAND [...]\n%s COMMAND --help", c->program, c->program);
    man_begin(stdout, c->program, c->what, usage, c->about);
    man_heading(stdout, "COMMANDS");
    for (int i = 0; i < c->count; i++)
        man_item(stdout, c->command[i].name, c->command[i].what);
    int status = 0;
    for (int i = 0; i < c->count && status == 0; i++)
        status = show_section(c, &c->command[i]);
    man_end(stdout);
    return fflush(stdout) == 0 ? status : 1;
}

int commands_run(const command_set *c, int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;
    if (word && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0))
        return help(c);
    if (word && strcmp(word, "--man") == 0)
        return man(c);
    for (int i = 0; word && i < c->count; i++)
        if (strcmp(word, c->command[i].name) == 0) {
            char name[128];
            snprintf(name, sizeof name, "%s %s", c->program, word);
            argv[1] = name;
            return c->command[i].run(argc - 1, argv + 1);
        }
    if (word)
        fprintf(stderr, "%s: there is no command %s (--help lists them)\n", c->program, word);
    else
        fprintf(stderr, "%s: which command? (--help lists them)\n", c->program);
    return 2;
}
