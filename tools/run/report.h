/* A run as one page that needs nothing else: numbers, curves, epochs, what happened, settings. */
#ifndef TOOLS_REPORT_H
#define TOOLS_REPORT_H

#include <stdbool.h>

#include <tenon/runs.h>

#include "../common/html.h"

/* As html_begin() and html_end() end the program if it cannot be written. */
void report_write(const tn_run_info *r, tn_series *s, const char *path, bool force);

/* report_classes.c: a section of it, of a run whose log tells of classes. */
void report_classes(html *h, const tn_run_info *r, tn_series *s);

#endif
