/*
 * Digests: are these the same bytes? XXH3-128 (the library xxHash), which no accident makes alike; it is no defence
 * against somebody who wants two things to look the same.
 */
#ifndef TN_DIGEST_H
#define TN_DIGEST_H

#include <stddef.h>

/* 32 hexadecimal digits and the end. The canonical form: what xxhsum -H2 prints. */
typedef struct tn_digest {
    char text[33];
} tn_digest;

tn_digest tn_digest_of(const void *bytes, size_t size);

/* The same in parts, of bytes that are not all in memory at once. */
typedef struct tn_digesting tn_digesting;
tn_digesting *tn_digest_begin(void); /* NULL: no memory */
void tn_digest_add(tn_digesting *d, const void *bytes, size_t size);
tn_digest tn_digest_end(tn_digesting *d); /* lets go of it */

#endif
