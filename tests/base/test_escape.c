/* Any bytes become UTF-8, and the same bytes again. */
#include <string.h>

#include "base/escape.h"
#include "lab.h"

/* By the table of RFC 3629, section 4. */
static bool is_utf8(const unsigned char *p)
{
    static const struct {
        unsigned char first[2], second[2];
        int bytes;
    } rows[] = {
        {{0x01, 0x7F}, {0, 0}, 1},       {{0xC2, 0xDF}, {0x80, 0xBF}, 2},
        {{0xE0, 0xE0}, {0xA0, 0xBF}, 3}, {{0xE1, 0xEC}, {0x80, 0xBF}, 3},
        {{0xED, 0xED}, {0x80, 0x9F}, 3}, {{0xEE, 0xEF}, {0x80, 0xBF}, 3},
        {{0xF0, 0xF0}, {0x90, 0xBF}, 4}, {{0xF1, 0xF3}, {0x80, 0xBF}, 4},
        {{0xF4, 0xF4}, {0x80, 0x8F}, 4},
    };
    while (*p) {
        size_t r = 0;
        while (r < TN_COUNT(rows) && !(p[0] >= rows[r].first[0] && p[0] <= rows[r].first[1]))
            r++;
        if (r == TN_COUNT(rows))
            return false;
        for (int i = 1; i < rows[r].bytes; i++)
            if (p[i] < (i == 1 ? rows[r].second[0] : 0x80) ||
                p[i] > (i == 1 ? rows[r].second[1] : 0xBF))
                return false;
        p += rows[r].bytes;
    }
    return true;
}

static void check(const char *text, bool stays)
{
    char *escaped = tn_text_escape(text);
    assert_non_null(escaped);
    assert_true(is_utf8((unsigned char *)escaped));
    if (stays)
        assert_string_equal(escaped, text);
    tn_text_unescape(escaped);
    assert_string_equal(escaped, text);
    tn_free(escaped);
}

static void nothing_is_lost(void **state)
{
    (void)state;
    check("", true);
    check("K\xC3\xA4"
          "fer \xE7\x94\xB2 \xF0\x9F\x90\x9B",
          true);
    check("caf\xE9", false);
    check("\xEF\x9E\x80 \xEF\x9F\xBF", false); /* the characters that escape */
    check("\xEF\x9D\xBF \xEF\xA0\x80", true);  /* their neighbours */
    /* Every text of up to four bytes of these: edges of the rows above, and of the escapes. */
    static const unsigned char edges[] = {'a',  0x7F, 0x80, 0x8F, 0x90, 0x9E, 0x9F, 0xA0, 0xBF,
                                          0xC1, 0xC2, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xFF};
    enum { N = sizeof edges };
    for (int i = 0; i < N * N * N * N; i++) {
        const char text[] = {(char)edges[i % N], (char)edges[i / N % N], (char)edges[i / N / N % N],
                             (char)edges[i / N / N / N], '\0'};
        check(text, is_utf8((const unsigned char *)text) && text[0] != '\xEF' && text[1] != '\xEF');
    }
}

static void where_it_is_no_utf8(void **state)
{
    (void)state;
    size_t good;
    assert_true(tn_text_is_utf8("", &good));
    assert_true(tn_text_is_utf8("a\xC3\xA9z", &good));
    assert_int_equal(good, 4);
    assert_false(tn_text_is_utf8("a\xC3\xA9\xFFz", &good));
    assert_int_equal(good, 3);
    assert_false(tn_text_is_utf8("\xE2\x82", &good));
    assert_int_equal(good, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(where_it_is_no_utf8),
                                       cmocka_unit_test(nothing_is_lost)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
