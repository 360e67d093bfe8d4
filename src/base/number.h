/*
 * Numbers as text: "1.5", whatever the program has set its locale to. printf and strtod would write and want "1,5" in
 * half of Europe, and a file or an option means the same everywhere.
 */
#ifndef TN_NUMBER_H
#define TN_NUMBER_H

#include <stdarg.h>
#include <stdio.h>

#include "base/base.h"

/* As snprintf, vsnprintf, fprintf and strtod are in the C locale. */
int tn_print(char *text, size_t size, const char *format, ...) TN_PRINTF(3, 4);
int tn_vprint(char *text, size_t size, const char *format, va_list args) TN_PRINTF(3, 0);
int tn_fprint(FILE *to, const char *format, ...) TN_PRINTF(2, 3);
double tn_parse(const char *text, char **end);

#endif
