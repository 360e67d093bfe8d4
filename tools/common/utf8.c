#include "utf8.h"

int utf8_length(const char *text)
{
    const unsigned char *t = (const unsigned char *)text;
    if (t[0] < 0x80)
        return 1;
    const int length = t[0] >= 0xf0 ? 4 : t[0] >= 0xe0 ? 3 : 2;
    if (t[0] < 0xc2 || t[0] > 0xf4)
        return 0;
    for (int i = 1; i < length; i++)
        if ((t[i] & 0xc0) != 0x80)
            return 0;
    /* Longer than need be, halves of surrogate pairs, above the last character. */
    const int bad = (t[0] == 0xe0 && t[1] < 0xa0) || (t[0] == 0xed && t[1] > 0x9f) ||
                    (t[0] == 0xf0 && t[1] < 0x90) || (t[0] == 0xf4 && t[1] > 0x8f);
    return bad ? 0 : length;
}

void utf8_print(FILE *to, const char *text)
{
    for (int length; *text; text += length ? length : 1) {
        const unsigned char c = (unsigned char)*text;
        length = utf8_length(text);
        /* U+0080 to U+009F are control characters, too. */
        const int control = c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)text[1] < 0xa0);
        if (length == 0 || control)
            for (int i = 0; i < (length ? length : 1); i++)
                fprintf(to, "\\%03o", (unsigned char)text[i]);
        else
            fwrite(text, 1, (size_t)length, to);
    }
}
