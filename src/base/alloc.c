/* posix_memalign is POSIX, not C11 (aligned_alloc wants a multiple of the alignment). */
#define _POSIX_C_SOURCE 200809L

#include <stdatomic.h>
#include <stdlib.h>

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
