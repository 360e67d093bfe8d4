/*
 * What every file of the library may use: errors, the only allocator, texts.
 */
#ifndef TN_BASE_H
#define TN_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/options.h>
#include <tenon/status.h>

#define TN_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* TN_ERR_MEMORY with what the bytes were for. */
tn_status tn_no_memory(const char *what, size_t bytes);

/* For a call that may fail without its caller failing: what tn_error() says before it, and that again. */
typedef struct tn_error_kept {
    char text[1024];
} tn_error_kept;
void tn_error_keep(tn_error_kept *kept);
void tn_error_put_back(const tn_error_kept *kept);

/* Around a call of a function of the program's own, which may say something by tn_fail() or nothing: that no sentence of
 * an earlier call is taken for its own. end() returns its status, with `who` before what it said; the end of something is
 * not its to tell. */
void tn_foreign_begin(tn_error_kept *kept);
tn_status tn_foreign_end(const tn_error_kept *kept, tn_status status, const char *who, ...)
    TN_PRINTF(3, 4);

/* Passes an error on to the caller. Use where nothing needs to be undone. */
#define TN_TRY(expr)                            \
    do {                                        \
        const tn_status tn_try_status = (expr); \
        if (tn_try_status != TN_OK)             \
            return tn_try_status;               \
    } while (0)

/* Completes a field of options, see <tenon/options.h>: 0 is the default, TN_ZERO is 0. */
#define TN_COMPLETE(field, fallback) \
    ((field) = (field) == 0 ? (fallback) : (field) == TN_ZERO ? 0 : (field))

/* First in a public function that can fail: an argument that is needed, by the name that its header gives it. */
#define TN_NEED(pointer, name)                                                              \
    do {                                                                                    \
        if (!(pointer))                                                                     \
            return tn_fail(TN_ERR_ARGUMENT, "%s: the argument %s is NULL", __func__, name); \
    } while (0)

/* The only allocator; thread-safe. Zeroed memory, NULL when there is none or count * size overflows
 * (tn_fail is left to the caller). */
void *tn_alloc(size_t count, size_t size);
/* For tensors: aligned to 256 bytes, not zeroed. */
void *tn_alloc_aligned(size_t bytes);
/* Both kinds; NULL is fine. */
void tn_free(void *p);
char *tn_copy_text(const char *text);
/* One line of the text for a sentence, whatever names are in it: control characters as C's escapes (\n, \033), so that
 * no file's name breaks a log or commands a terminal. Cut off where there is no room. */
void tn_show(char *to, size_t room, const char *text);
/* A printf-style text of its own; NULL when there is no memory. */
char *tn_format(const char *format, ...) TN_PRINTF(1, 2);

/* Makes room for one more element in an array that grows: doubles *capacity, keeps *array on
 * failure. */
tn_status tn_grow(void **array, size_t count, size_t *capacity, size_t size, const char *what);

/* Tests only: make the nth allocation from now fail (1 = the next), once; 0 turns this off. */
void tn_alloc_fail_at(long nth);
/* Tests only: blocks not freed yet, and allocations ever made. */
long tn_alloc_live(void);
long tn_alloc_total(void);

#endif
