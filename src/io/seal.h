/*
 * The seal of a file of safetensors: two of its metadata, 32 hexadecimal digits each (base/digest.h), which tell damage, and
 * no forgery.
 *
 *     tenon.digest   of the header, all of its bytes, with this one's own digits as 0
 *     tenon.data     of all bytes behind the header
 */
#ifndef TN_SEAL_H
#define TN_SEAL_H

#include <tenon/status.h>

#include "base/digest.h"

enum { TN_SEAL_DIGITS = 32 };
#define TN_SEAL_HEADER "tenon.digest"
#define TN_SEAL_DATA "tenon.data"
#define TN_SEAL_ZERO "00000000000000000000000000000000"

/* Where in the header the digits of each begin; 0: it has no such. */
typedef struct tn_seal {
    size_t header, data;
} tn_seal;
tn_seal tn_seal_find(const char *header, size_t size);

/* The header's digest; `at` is where its own digits stand. */
tn_status tn_seal_of_header(const char *header, size_t size, size_t at, tn_digest *out);

#endif
