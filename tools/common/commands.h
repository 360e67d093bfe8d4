/*
 * A program of several commands, each with a table of options of its own (args.h): `tenon-data check DIR`.
 */
#ifndef TOOLS_COMMANDS_H
#define TOOLS_COMMANDS_H

#include <stdbool.h>

/* A command is called as a program is, with "tenon-data check" as its name in argv[0], and returns the exit status; the
 * first that it does is args_parse(). */
typedef struct command {
    const char *name, *what;
    int (*run)(int argc, char **argv);
} command;

typedef struct command_set {
    const char *program; /* "tenon-data" */
    const char *what;    /* one line, as args.h has it */
    const char *about;   /* paragraphs */
    const command *command;
    int count;
} command_set;

/* Runs the command that argv[1] names, and gives its status; or lists them (--help), or writes the page of all (--man); or
 * says which there is not, and gives 2. */
int commands_run(const command_set *c, int argc, char **argv);

#endif
