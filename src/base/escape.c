#include "base/escape.h"

#include <string.h>

#include "base/base.h"

/* U+F780 is EF 9E 80, U+F7C0 is EF 9F 80: the byte's upper bits are in the second byte's last one. */
enum { FIRST = 0xEF, SECOND = 0x9E, ESCAPE_BYTES = 3 };

static bool is_escape(const unsigned char *p)
{
    return p[0] == FIRST && (p[1] & 0xFE) == SECOND && (p[2] & 0xC0) == 0x80;
}

/* Bytes of the UTF-8 character at p; 0 if it is none (RFC 3629: no surrogates, no longer forms). */
static size_t utf8_length(const unsigned char *p)
{
    if (p[0] < 0x80)
        return 1;
    const size_t length = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xC0) != 0x80) /* the NUL at the end too */
            return 0;
    const bool longer = (p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xF0 && p[1] < 0x90);
    const bool none = (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF4 && p[1] > 0x8F);
    return longer || none ? 0 : length;
}

bool tn_text_is_utf8(const char *text, size_t *good)
{
    const unsigned char *p = (const unsigned char *)text;
    for (size_t length = 1; *p && length; p += length)
        length = utf8_length(p);
    *good = (size_t)(p - (const unsigned char *)text);
    return !*p;
}

char *tn_text_escape(const char *text)
{
    char *escaped = tn_alloc(ESCAPE_BYTES * strlen(text) + 1, 1);
    if (!escaped)
        return NULL;
    char *to = escaped;
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        const size_t length = is_escape(p) ? 0 : utf8_length(p);
        if (length) {
            memcpy(to, p, length);
            to += length;
            p += length;
        } else {
            *to++ = (char)FIRST;
            *to++ = (char)(SECOND | (*p >> 6 & 1));
            *to++ = (char)(0x80 | (*p & 0x3F));
            p++;
        }
    }
    return escaped;
}

void tn_text_unescape(char *text)
{
    char *to = text;
    for (unsigned char *p = (unsigned char *)text; *p;) {
        if (is_escape(p)) {
            *to++ = (char)(0x80 | (p[1] & 1) << 6 | (p[2] & 0x3F));
            p += ESCAPE_BYTES;
        } else {
            *to++ = (char)*p++;
        }
    }
    *to = '\0';
}
