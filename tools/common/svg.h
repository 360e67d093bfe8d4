/*
 * Writing SVG 1.1, one element after the other, with one set of colours for light and dark (prefers-color-scheme): a
 * picture by itself, or part of a page. Text is escaped and what XML cannot hold becomes U+FFFD, so a name may be any bytes.
 *
 *     svg s;
 *     svg_begin(&s, stdout, 640, 240, "loss of alexnet-3");
 *     svg_line(&s, "stroke line", 40, 200, 630, 200);
 *     svg_label(&s, "fill ink2 end", 36, 204, "%g", 0.5);
 *     svg_open(&s, "rect", "fill c1");
 *     svg_number(&s, "x", 40);
 *     ...
 *     svg_close(&s);
 *     svg_end(&s);
 *
 * Classes: "fill" or "stroke" says what an element shows of its colour, which is one of paper, surface, sunken, line, ink,
 * ink2, ink3 (from strong to faint), ok, warn, bad, and c0 to c7 for what is beside each other. Of a text: middle, end (it is
 * anchored at its begin else), bold, small, mono. Of a line: thin, dashed, faint.
 */
#ifndef TOOLS_SVG_H
#define TOOLS_SVG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { SVG_COLOURS = 8, SVG_DEEPEST = 16 };

typedef struct svg {
    FILE *to;
    const char *element[SVG_DEEPEST]; /* that are open */
    int depth;
    bool in_tag; /* attributes may follow */
} svg;

/* The root with its size in pixels and what a reader of screens says of it; its background is "surface". */
void svg_begin(svg *s, FILE *to, double width, double height, const char *title);
void svg_end(svg *s);

/* An element; `classes` may be NULL. Its attributes come before its text and what is in it. Names must live on. */
void svg_open(svg *s, const char *name, const char *classes);
void svg_close(svg *s);
void svg_number(svg *s, const char *attribute, double number); /* two digits behind the point */
void svg_word(svg *s, const char *attribute, const char *text);
void svg_text(svg *s, const char *text);

/* Whole elements. */
void svg_line(svg *s, const char *classes, double x1, double y1, double x2, double y2);
void svg_rect(svg *s, const char *classes, double x, double y, double width, double height);
void svg_label(svg *s, const char *classes, double x, double y, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* A line from point to point; one that is not finite leaves a gap. */
void svg_path(svg *s, const char *classes, int64_t points, const double *x, const double *y);

/* The text as XML and HTML have it, also between quotes. */
void svg_escape(FILE *to, const char *text);

#endif
