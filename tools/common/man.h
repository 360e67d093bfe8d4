/*
 * Manual pages, in roff with the macros of man(7), from the tables that --help is printed from: so a page says what the
 * program says. `PROGRAM --man` writes its page (args.h); the build keeps the pages of all programs.
 */
#ifndef TOOLS_MAN_H
#define TOOLS_MAN_H

#include <stdio.h>

#include "args.h"

/* The page of a program: name, synopsis, description, options, and what else it says. */
void man_page(FILE *to, const char *program, const args *a);

/* A page by its parts: the head with name, synopsis and description, then sections as needed, then the end. */
void man_begin(FILE *to, const char *program, const char *what, const char *usage,
               const char *about);
void man_heading(FILE *to, const char *heading);
/* A word and what it means, "  NAME  text" of --help. */
void man_item(FILE *to, const char *name, const char *what);
/* Paragraphs as `about` of args.h has them: lines that begin with a blank stay as they are, those that begin with "Exit
 * status:" or "Examples:" have a heading of their own. */
void man_text(FILE *to, const char *text);
void man_end(FILE *to);

/* One command of a program that has several, as a section. */
void man_command(FILE *to, const char *command, const args *a);

#endif
