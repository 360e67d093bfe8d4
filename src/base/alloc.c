/* posix_memalign is POSIX, not C11 (aligned_alloc wants a multiple of the alignment). */
#define _POSIX_C_SOURCE 200809L

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

static atomic_long fail_at;
static atomic_long live;
static atomic_long total;

/* Counts one allocation; true if this is the one that a test wants to fail. */
static bool refuse(void)
{
    atomic_fetch_add(&total, 1);
    return atomic_load(&fail_at) > 0 && atomic_fetch_sub(&fail_at, 1) == 1;
}

static void *counted(void *p)
{
    if (p)
        atomic_fetch_add(&live, 1);
    return p;
}

void *tn_alloc(size_t count, size_t size)
{
    return refuse() ? NULL : counted(calloc(count ? count : 1, size ? size : 1));
}

void *tn_alloc_aligned(size_t bytes)
{
    void *p = NULL;
    if (refuse() || posix_memalign(&p, 256, bytes ? bytes : 1) != 0)
        return NULL;
    return counted(p);
}

void tn_free(void *p)
{
    if (!p)
        return;
    atomic_fetch_sub(&live, 1);
    free(p);
}

char *tn_copy_text(const char *text)
{
    const size_t bytes = strlen(text) + 1;
    char *copy = tn_alloc(bytes, 1);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

char *tn_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = length < 0 ? NULL : tn_alloc((size_t)length + 1, 1);
    if (!text)
        return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}

tn_status tn_grow(void **array, size_t count, size_t *capacity, size_t size, const char *what)
{
    if (count < *capacity)
        return TN_OK;
    const size_t wanted = *capacity ? 2 * *capacity : 16;
    void *bigger = wanted > *capacity ? tn_alloc(wanted, size) : NULL;
    if (!bigger)
        return tn_no_memory(what, wanted * size);
    if (count)
        memcpy(bigger, *array, count * size);
    tn_free(*array);
    *array = bigger;
    *capacity = wanted;
    return TN_OK;
}

void tn_alloc_fail_at(long nth)
{
    atomic_store(&fail_at, nth);
}

long tn_alloc_live(void)
{
    return atomic_load(&live);
}

long tn_alloc_total(void)
{
    return atomic_load(&total);
}
