#define _XOPEN_SOURCE 700

#include "html.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "html_style.h"
#include "svg.h"
#include "utf8.h"

/* One conversion, `spec` from its % to its letter, of the size that its letters l, z, j say. */
static void convert(FILE *to, const char *spec, size_t length, va_list *values)
{
    char one[32];
    assert(length < sizeof one);
    memcpy(one, spec, length);
    one[length] = '\0';
    const char letter = one[length - 1];
    const bool wide = strpbrk(one, "lzj") != NULL; /* 64 bits, all three */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored \
    "-Wformat-nonliteral" /* the compiler has seen it where it was written */
    switch (letter) {
    case '%':
        fputc('%', to);
        break;
    case 's':
        svg_escape(to, va_arg(*values, const char *));
        break;
    case 'f':
    case 'g':
    case 'e':
        fprintf(to, one, va_arg(*values, double));
        break;
    default:
        assert(strchr("diuc", letter));
        if (wide)
            fprintf(to, one, va_arg(*values, long long));
        else
            fprintf(to, one, va_arg(*values, int));
    }
#pragma GCC diagnostic pop
}

void html_write(html *h, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    while (*format) {
        const size_t plain = strcspn(format, "%");
        fwrite(format, 1, plain, h->file.to);
        format += plain;
        if (*format) {
            const size_t length = 1 + strcspn(format + 1, "%sfgediuc") + 1;
            convert(h->file.to, format, length, &values);
            format += length;
        }
    }
    va_end(values);
}

void html_raw(html *h, const char *markup)
{
    fputs(markup, h->file.to);
}

/* RFC 4648. */
static void base64(FILE *to, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        const size_t left = size - i;
        const uint32_t bits = (uint32_t)bytes[i] << 16 |
                              (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                              (left > 2 ? bytes[i + 2] : 0);
        const char four[4] = {digits[bits >> 18], digits[bits >> 12 & 63],
                              left > 1 ? digits[bits >> 6 & 63] : '=',
                              left > 2 ? digits[bits & 63] : '='};
        fwrite(four, 1, 4, to);
    }
}

void html_picture(html *h, const char *kind, const void *bytes, size_t size, const char *text)
{
    html_write(h, "<img alt=\"%s\" src=\"data:%s;base64,", text, kind);
    base64(h->file.to, bytes, size);
    html_raw(h, "\">");
}

void html_command(html *h, const char *line)
{
    html_write(h, "<pre class=\"cmd\"><code>%s</code></pre>\n", line);
}

/* Bytes that a shell and a reader see alike. */
static bool is_plain(const char *word)
{
    for (int length; *word; word += length) {
        length = utf8_length(word);
        if (length == 0 || (unsigned char)*word < 0x20 || *word == 0x7f)
            return false;
    }
    return true;
}

char *shell_quote(const char *word)
{
    static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "_-./,:=+@%";
    char *quoted = malloc(4 * strlen(word) + 4), *to = quoted;
    if (!quoted)
        run_fail("no memory for a line of %zu letters", strlen(word));
    if (*word && *word != '-' && word[strspn(word, bare)] == '\0')
        return strcpy(quoted, word);
    const bool plain = is_plain(word);
    to += sprintf(to, plain ? "'" : "$'");
    for (; *word; word++) {
        const unsigned char c = (unsigned char)*word;
        if (plain && c == '\'')
            to += sprintf(to, "'\\''");
        else if (!plain && (c == '\'' || c == '\\' || c < 0x20 || c >= 0x7f))
            to += sprintf(to, "\\%03o", c);
        else
            *to++ = (char)c;
    }
    strcpy(to, "'");
    return quoted;
}

void html_begin(html *h, const char *path, bool force, const char *title, const char *style)
{
    whole_begin(&h->file, path, force);
    html_write(h,
               "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
               "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
               "style-src 'unsafe-inline'; img-src data:\">\n"
               "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
               "<meta name=\"color-scheme\" content=\"light dark\">\n<title>%s</title>\n<style>\n",
               title);
    for (int i = 0; html_style[i]; i++)
        html_raw(h, html_style[i]);
    html_raw(h, style ? style : "");
    html_raw(h, "</style>\n</head>\n<body>\n<main>\n");
}

void html_end(html *h)
{
    html_raw(h, "</main>\n</body>\n</html>\n");
    whole_end(&h->file);
}
