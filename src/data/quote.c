#include "data/quote.h"

#include <string.h>

#include "base/base.h"

/* Letter and byte of each escape. */
static const char escapes[][2] = {{'a', '\a'}, {'b', '\b'}, {'f', '\f'}, {'n', '\n'}, {'r', '\r'},
                                  {'t', '\t'}, {'v', '\v'}, {'"', '"'},  {'\\', '\\'}};

static bool is_octal(char c)
{
    return c >= '0' && c <= '7';
}

/* What follows a backslash; returns how many characters it takes, 0 if it is no escape. */
static int read_escape(const char *text, char *byte)
{
    for (size_t i = 0; i < TN_COUNT(escapes); i++)
        if (*text == escapes[i][0]) {
            *byte = escapes[i][1];
            return 1;
        }
    if (!is_octal(text[0]) || text[0] > '3' || !is_octal(text[1]) || !is_octal(text[2]))
        return 0;
    const int value = (text[0] - '0') * 64 + (text[1] - '0') * 8 + (text[2] - '0');
    *byte = (char)value;
    return value ? 3 : 0;
}

char *tn_unquote(char *text)
{
    char *to = text;
    for (char *from = text + 1; *from; from++) {
        char byte = *from;
        if (byte == '"') {
            *to = 0; /* not behind `from` */
            return from + 1;
        }
        if (byte == '\\') {
            const int length = read_escape(from + 1, &byte);
            if (length == 0)
                return NULL;
            from += length;
        }
        *to++ = byte;
    }
    return NULL;
}

/* What means itself wherever it stands. */
static bool is_plain(unsigned char c)
{
    return c >= 128 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           strchr("_-./+=@%~()[]", c) != NULL;
}

static char *write_byte(char *to, unsigned char c)
{
    for (size_t i = 0; i < TN_COUNT(escapes); i++)
        if (c == (unsigned char)escapes[i][1]) {
            *to++ = '\\';
            *to++ = escapes[i][0];
            return to;
        }
    if (c < ' ' || c == 127) {
        *to++ = '\\';
        *to++ = (char)('0' + c / 64);
        *to++ = (char)('0' + c / 8 % 8);
        c = (unsigned char)('0' + c % 8);
    }
    *to++ = (char)c;
    return to;
}

char *tn_quote(const char *name, bool always)
{
    bool plain = *name && !always;
    for (const char *c = name; *c && plain; c++)
        plain = is_plain((unsigned char)*c);
    if (plain)
        return tn_copy_text(name);
    char *text = tn_alloc(4 * strlen(name) + 3, 1), *to = text;
    if (!text)
        return NULL;
    *to++ = '"';
    for (const char *c = name; *c; c++)
        to = write_byte(to, (unsigned char)*c);
    *to++ = '"';
    return text;
}
