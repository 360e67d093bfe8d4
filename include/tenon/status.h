/**
 * @file
 * How every call reports what happened.
 *
 * A function that can fail returns a tn_status. When it is an error, tn_error() says in one sentence
 * what went wrong, naming the file, layer, shape, device and numbers. The library never prints,
 * exits or aborts.
 *
 * A pointer that is needed and NULL, or a count below 0, is TN_ERR_ARGUMENT, and tn_error() names the function and the
 * argument. What only tells of an object tells 0, NULL, NaN or -1 of NULL. To destroy or close NULL does nothing.
 *
 * Threads: each has an error text of its own. Any thread may call everything here at once.
 */
#ifndef TENON_STATUS_H
#define TENON_STATUS_H

#include <stdio.h>
#include <stdlib.h>

#if defined(__GNUC__)
#define TN_API __attribute__((visibility("default")))
#define TN_PRINTF(text, args) __attribute__((format(printf, text, args)))
/** The compiler warns of a call whose status nobody looks at; tn_must() is the shortest way to. */
#define TN_CHECKED __attribute__((warn_unused_result))
#elif defined(__cplusplus) && __cplusplus >= 201703L
#define TN_API
#define TN_PRINTF(text, args)
#define TN_CHECKED [[nodiscard]]
#else
#define TN_API
#define TN_PRINTF(text, args)
#define TN_CHECKED
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Every status a call can return, with the sentence tn_status_text() gives for it. */
#define TN_STATUS_MAP(X)                                \
    X(OK, "success")                                    \
    X(END, "no more items")                             \
    X(ERR_ARGUMENT, "an argument is not valid")         \
    X(ERR_SHAPE, "the shapes do not fit the operation") \
    X(ERR_MEMORY, "out of memory")                      \
    X(ERR_IO, "a file could not be read or written")    \
    X(ERR_FORMAT, "a file is not in the form expected") \
    X(ERR_UNSUPPORTED, "no backend can do this")        \
    X(ERR_DEVICE, "the device reported an error")       \
    X(ERR_DIVERGED, "a training has lost its numbers")

typedef enum tn_status {
#define TN_STATUS_ENUM(name, text) TN_##name,
    TN_STATUS_MAP(TN_STATUS_ENUM)
#undef TN_STATUS_ENUM
} tn_status;

/** @return a constant English sentence for @p status, never NULL. */
TN_API const char *tn_status_text(tn_status status);

/**
 * @return what went wrong in the last call of this thread that failed, "" if none has. The text is
 *         valid until the next call in this thread that fails.
 */
TN_API const char *tn_error(void);

/**
 * For a program's own functions that Tenon calls (a source of data, a layer): sets what tn_error() says, by a text as
 * printf's and in one sentence, and returns @p status.
 *
 *     return tn_fail(TN_ERR_FORMAT, "line %d has %d fields, not %d", line, found, wanted);
 */
TN_API tn_status tn_fail(tn_status status, const char *format, ...) TN_PRINTF(2, 3);

/** The library's version, "MAJOR.MINOR.PATCH". */
TN_API const char *tn_version(void);

/**
 * For programs, not libraries: if @p status is an error, print tn_error() to stderr and exit(1).
 * In the header, so that the library itself contains no call that prints or exits.
 */
static inline void tn_must(tn_status status)
{
    if (status == TN_OK)
        return;
    fprintf(stderr, "error: %s (%s)\n", tn_error(), tn_status_text(status));
    exit(1);
}

#ifdef __cplusplus
}
#endif
#endif
