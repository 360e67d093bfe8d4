/*
 * Instruments that tests share, and cmocka with the headers it wants.
 */
#ifndef TN_LAB_H
#define TN_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/tenon.h>

#include "base/base.h"

#include <cmocka.h>

/* Under a sanitizer the simulated GPU is ten times slower: what only repeats the same code with other
 * numbers is left to the builds without. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LAB_SLOW 1
#else
#define LAB_SLOW 0
#endif

/* Fails the test with tn_error() unless the call succeeds, and leaves tn_error() as it was. */
#define assert_ok(call)                                                            \
    do {                                                                           \
        tn_error_kept lab_kept;                                                    \
        tn_error_keep(&lab_kept);                                                  \
        const tn_status lab_status = (call);                                       \
        if (lab_status != TN_OK)                                                   \
            fail_msg("%s: %s: %s", #call, tn_status_text(lab_status), tn_error()); \
        lab_assert_error(&lab_kept, #call, __FILE__, __LINE__);                    \
    } while (0)
void lab_assert_error(const tn_error_kept *want, const char *call, const char *file, int line);

/* Fails unless the call returns `status` and tn_error() contains `text`. */
#define assert_fails(call, status, text) \
    lab_assert_fails((call), (status), (text), #call, __FILE__, __LINE__)
void lab_assert_fails(tn_status got, tn_status want, const char *text, const char *call,
                      const char *file, int line);

/* Runs body with its 1st, 2nd, ... allocation failing until it gets through: each failure must be
 * reported as TN_ERR_MEMORY and leave nothing behind. Returns how many failures it survived. */
long lab_fail_each_allocation(tn_status (*body)(void *), void *arg);

void lab_nap(double seconds);

/* Path of a file in the shared test data, or of a golden; in one of a few static buffers. */
const char *lab_data(const char *name);
const char *lab_golden(const char *name);
/* Skips the test, saying so, if the shared test data are not there. */
#define lab_need_data(name)                                             \
    do {                                                                \
        if (!lab_exists(lab_data(name))) {                              \
            print_message("skipped: %s is not here\n", lab_data(name)); \
            skip();                                                     \
        }                                                               \
    } while (0)
bool lab_exists(const char *path);

/* A new empty folder under $TMPDIR or /tmp; removed with all in it by lab_remove(). */
const char *lab_make_folder(void);
void lab_remove(const char *folder);
int lab_entries(const char *folder); /* how many names there are in it */

#endif
