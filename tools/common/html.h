/*
 * A page in one file: style and pictures are in it, it asks nobody for anything, and it runs no script (its own policy
 * forbids both). Light and dark as the system has it; on paper and on a phone it reads, too.
 *
 * What the style offers, by class:
 *
 *   header (h1, p)             what the page is of             section (h2, p.quiet)   a part of it
 *   .card [.pad]               a box                           .scroll > table (.num)  a table; numbers to the right
 *   .figs > .fig (b, span)     numbers to be seen first        .tag [.ok .warn .bad]   a word with a colour
 *   .shots > figure (img, figcaption)   small pictures         .group                  some that belong together
 *   .quiet .faint .mono        text                            details, summary        what is folded away
 *   .chart (svg)               a drawing by svg.h              .meter > i (style width) a share
 */
#ifndef TOOLS_HTML_H
#define TOOLS_HTML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "whole.h"

typedef struct html {
    whole file;
} html;

/* Begins the page: head, style, title, and <main>. `style`: rules of this page's own, or NULL. As whole_begin(). */
void html_begin(html *h, const char *path, bool force, const char *title, const char *style);
/* Ends and writes it, as whole_end(). */
void html_end(html *h);

/*
 * Markup. `format` is markup itself; every %s in it is text of whatever kind, and is escaped, so no name of a file can be
 * an element or an attribute. Also %d %u %i, with l, ll, z or j; %f %g %e with a precision; %c of letters; %%.
 */
void html_write(html *h, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Markup that others made, as it is: of svg.h. */
void html_raw(html *h, const char *markup);

/* <img> of bytes of that kind, "image/jpeg"; `text` says what it shows to who cannot see it. */
void html_picture(html *h, const char *kind, const void *bytes, size_t size, const char *text);

/* A line for a shell, to be copied; quoted already. */
void html_command(html *h, const char *line);

/* One word of a shell's line, quoted if need be; bytes that are no text by numbers ($'\377', bash and ksh). Ends the program if there is no memory; free() it. */
char *shell_quote(const char *word);

#endif
