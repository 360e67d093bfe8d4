/* A run as one page that needs nothing else: numbers, curves, epochs, what happened, settings. */
#ifndef TOOLS_REPORT_H
#define TOOLS_REPORT_H

#include <stdbool.h>

#include <tenon/runs.h>

/* As html_begin() and html_end() end the program if it cannot be written. */
void report_write(const tn_run_info *r, tn_series *s, const char *path, bool force);

#endif
