#include "io/seal.h"

#include <string.h>

#include "base/base.h"

/* Where the value of a key begins, all of whose digits are there. In a text within the header a quote has a backslash
 * before it, so none of them is taken for a key. */
static size_t find(const char *header, size_t size, const char *key)
{
    const size_t length = strlen(key);
    for (size_t i = 0; i + length + TN_SEAL_DIGITS < size; i++)
        if (header[i] == '"' && memcmp(header + i, key, length) == 0)
            return i + length;
    return 0;
}

tn_seal tn_seal_find(const char *header, size_t size)
{
    return (tn_seal){find(header, size, "\"" TN_SEAL_HEADER "\":\""),
                     find(header, size, "\"" TN_SEAL_DATA "\":\"")};
}

tn_status tn_seal_of_header(const char *header, size_t size, size_t at, tn_digest *out)
{
    tn_digesting *d = tn_digest_begin();
    if (!d)
        return tn_no_memory("a digest", size);
    tn_digest_add(d, header, at);
    tn_digest_add(d, TN_SEAL_ZERO, TN_SEAL_DIGITS);
    tn_digest_add(d, header + at + TN_SEAL_DIGITS, size - at - TN_SEAL_DIGITS);
    *out = tn_digest_end(d);
    return TN_OK;
}
