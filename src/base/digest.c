#include "base/digest.h"

#include <xxhash.h>

#include "base/base.h"

struct tn_digesting {
    XXH3_state_t *state;
};

static tn_digest spelled(XXH128_hash_t hash)
{
    static const char digit[] = "0123456789abcdef";
    XXH128_canonical_t bytes; /* big endian on every machine */
    tn_digest d = {{0}};
    XXH128_canonicalFromHash(&bytes, hash);
    for (size_t i = 0; i < sizeof bytes.digest; i++) {
        d.text[2 * i] = digit[bytes.digest[i] >> 4];
        d.text[2 * i + 1] = digit[bytes.digest[i] & 15];
    }
    return d;
}

tn_digest tn_digest_of(const void *bytes, size_t size)
{
    return spelled(XXH3_128bits(bytes, size));
}

tn_digesting *tn_digest_begin(void)
{
    tn_digesting *d = tn_alloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->state =
        XXH3_createState(); /* of its own: it wants an alignment that tn_alloc() does not promise */
    if (!d->state || XXH3_128bits_reset(d->state) != XXH_OK) {
        XXH3_freeState(d->state);
        tn_free(d);
        return NULL;
    }
    return d;
}

void tn_digest_add(tn_digesting *d, const void *bytes, size_t size)
{
    XXH3_128bits_update(d->state, bytes, size);
}

tn_digest tn_digest_end(tn_digesting *d)
{
    const tn_digest digest = spelled(XXH3_128bits_digest(d->state));
    XXH3_freeState(d->state);
    tn_free(d);
    return digest;
}
