/*
 * Where runs are: a workspace is a folder with one of its runs in runs/NAME each. It is --workspace, else
 * $TENON_WORKSPACE, else the folder that the program was started in.
 */
#ifndef TOOLS_WORKSPACE_H
#define TOOLS_WORKSPACE_H

#include <stdbool.h>

enum { RUN_PATH = 4096, RUN_NAME = 64 /* letters */ };

/* For a table of options. */
#define ARG_WORKSPACE(to)                                                                          \
    {                                                                                              \
        ARG_TEXT, "workspace", "DIR",                                                              \
            "whose runs/ holds runs by name; default: $TENON_WORKSPACE,\nelse this folder", to, 0, \
            0                                                                                      \
    }

/* [a-z0-9][a-z0-9._-]*, at most RUN_NAME letters: what a run may be called. */
bool run_name_is_good(const char *name);

/* The folder of a run by what a user calls it: with a / it is a path, else the name of one in the workspace (NULL: the
 * default, as above), whether it is there or not. Ends the program with status 2 if it can be neither. */
void run_folder(char path[RUN_PATH], const char *workspace, const char *run);

/* The file of a model by what a user calls it: itself; or a run, by its folder or its name, whose best checkpoint is taken.
 * Ends the program with status 2 if there is none. */
void run_model(char path[RUN_PATH], const char *workspace, const char *given);

/* The workspace itself. */
const char *workspace_folder(const char *workspace);

/* The folder with all of them. */
void runs_folder(char path[RUN_PATH], const char *workspace);

/* Makes that, in a workspace that is there, for a run that has a name. */
void runs_folder_make(const char *workspace);

#endif
