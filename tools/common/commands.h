/*
 * A program of several commands: `tenon-run list ...`. Each is a function that is called as a program's main is, its name
 * ("tenon-run list") in argv[0], and returns the exit status.
 */
#ifndef TOOLS_COMMANDS_H
#define TOOLS_COMMANDS_H

typedef struct command {
    const char *name, *what;
    int (*run)(int argc, char **argv);
} command;

/* Calls the one that argv[1] names; --help lists them. Returns the program's exit status. */
int commands_run(const char *program, const command *commands, int count, int argc, char **argv);

#endif
