/*
 * Parts that are files of their own, tenon_<name>.so: so that a machine without the libraries that one is
 * built on can run the rest, and who does not use it does not pay for it. What one gives is a table of
 * functions: a backend its tn_backend, "mpi" its tn_ranks.
 *
 * A module has one entry, tn_module_open(). It is linked without libtenon and is lent what there must be
 * only one of: the allocator and the text of the last error.
 */
#ifndef TN_MODULE_H
#define TN_MODULE_H

#include <stdbool.h>
#include <stddef.h>

#include <tenon/status.h>

/* To be changed with what modules and the library give each other. */
enum { TN_MODULE_ABI = 18 };

typedef struct tn_host {
    int abi;             /* TN_MODULE_ABI */
    const char *version; /* of the library: a module serves that one alone */
    tn_status (*fail)(tn_status status, const char *text);
    const char *(*error)(void);
    void *(*alloc)(size_t count, size_t size);
    void *(*alloc_aligned)(size_t bytes);
    void (*free)(void *p);
} tn_host;

#define TN_MODULE_ENTRY "tn_module_open"
/* NULL, after host->fail(), if it does not go with this host. */
typedef const void *tn_module_entry(const tn_host *host);

/* lent.c, which is part of every module in place of alloc.c and status.c: first of all in its entry. False, after
 * host->fail(), if the two do not go together. */
bool tn_lent_by(const tn_host *host);

#endif
