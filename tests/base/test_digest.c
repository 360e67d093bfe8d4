/* Digests against what xxhsum prints, and parts against the whole. */
#include "base/digest.h"
#include "lab.h"

/* printf '' | xxhsum -H2 and the like. */
static void known_values(void **state)
{
    (void)state;
    assert_string_equal(tn_digest_of("", 0).text, "99aa06d3014798d86001c324468d497f");
    assert_string_equal(tn_digest_of("abc", 3).text, "06b05ab6733a618578af5f94892f3950");
}

static void parts_are_the_whole(void **state)
{
    (void)state;
    static unsigned char bytes[10000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 256);
    const tn_digest whole = tn_digest_of(bytes, sizeof bytes);
    for (size_t step = 1; step <= 4096; step = step * 3 + 1) {
        tn_digesting *d = tn_digest_begin();
        assert_non_null(d);
        for (size_t at = 0; at < sizeof bytes; at += step)
            tn_digest_add(d, bytes + at, sizeof bytes - at < step ? sizeof bytes - at : step);
        assert_string_equal(tn_digest_end(d).text, whole.text);
    }
    bytes[5000] ^= 1;
    assert_string_not_equal(tn_digest_of(bytes, sizeof bytes).text, whole.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_values),
                                       cmocka_unit_test(parts_are_the_whole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
