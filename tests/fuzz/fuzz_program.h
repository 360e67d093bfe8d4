/*
 * For readers of files that programs have: they end the program on what they cannot read. Here such an end comes back, and
 * what it would have left to the system is given back. Include this, then the reader's .c file.
 */
#ifndef TN_FUZZ_PROGRAM_H
#define TN_FUZZ_PROGRAM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef TN_HAVE_ZLIB
#include <zlib.h>
#endif

#include "common/args.h"
#include "fuzz.h"
#include "fuzz_files.h"

static jmp_buf program_end;
static char program_said[1024];

/* ---- what is held ----------------------------------------------------------------------------- */

enum { HELD = 16 };
static void *held[HELD]; /* memory, */
static FILE *held_file;  /* and a file, of either kind */
#ifdef TN_HAVE_ZLIB
static gzFile held_gz;
#endif

static void *hold(void *p)
{
    for (int i = 0; p && i < HELD; i++)
        if (!held[i])
            return held[i] = p;
    if (p)
        abort();
    return p;
}

static void *let_go(void *p)
{
    for (int i = 0; p && i < HELD; i++)
        if (held[i] == p)
            held[i] = NULL;
    return p;
}

/* A file of a few bytes may speak of terabytes; that there is no such memory is not what is looked for. */
static inline void *hold_malloc(size_t bytes)
{
    return hold(bytes < (size_t)1 << 26 ? malloc(bytes) : NULL);
}

static inline void *hold_realloc(void *p, size_t bytes)
{
    let_go(p);
    return hold(realloc(p, bytes));
}

static inline void *hold_calloc(size_t count, size_t bytes)
{
    return hold(calloc(count, bytes));
}

static FILE *hold_fopen(const char *name, const char *mode)
{
    return held_file = fopen(name, mode);
}

static int hold_fclose(FILE *f)
{
    held_file = NULL;
    return fclose(f);
}

#ifdef TN_HAVE_ZLIB
static inline gzFile hold_gzopen(const char *name, const char *mode)
{
    return held_gz = gzopen(name, mode);
}

static inline int hold_gzclose(gzFile f)
{
    held_gz = NULL;
    return gzclose(f);
}
#endif

static void drop_held(void)
{
    for (int i = 0; i < HELD; i++) {
        free(held[i]);
        held[i] = NULL;
    }
    if (held_file)
        hold_fclose(held_file);
#ifdef TN_HAVE_ZLIB
    if (held_gz)
        hold_gzclose(held_gz);
#endif
}

/* ---- the end of a program --------------------------------------------------------------------- */

_Noreturn static void end_program(const char *format, va_list values)
{
    vsnprintf(program_said, sizeof program_said, format, values);
    longjmp(program_end, 1);
}

void args_fail(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    end_program(format, values);
}

void run_fail(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    end_program(format, values);
}

#define malloc hold_malloc
#define realloc hold_realloc
#define calloc hold_calloc
#define free(p) free(let_go(p))
#define fopen hold_fopen
#define fclose hold_fclose
#define gzopen hold_gzopen
#define gzclose hold_gzclose

#endif
