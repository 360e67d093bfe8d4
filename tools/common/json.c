#include "json.h"

#include <math.h>
#include <stdlib.h>

#include "utf8.h"

/* The characters that stand for bytes are no text themselves, so that json_read.h finds the bytes again. */
static int text_length(const char *text)
{
    const unsigned char *t = (const unsigned char *)text;
    const int length = utf8_length(text);
    return length == 3 && t[0] == 0xef && (t[1] & 0xfe) == 0x9e ? 0 : length;
}

static void quote(FILE *to, const char *text)
{
    fputc('"', to);
    for (int length; *text; text += length ? length : 1) {
        const unsigned char c = (unsigned char)*text;
        length = text_length(text);
        if (length == 0)
            fprintf(to, "\\uf7%02x", c);
        else if (c == '"' || c == '\\')
            fprintf(to, "\\%c", c);
        else if (c < 0x20)
            fprintf(to, "\\u%04x", c);
        else
            fwrite(text, 1, (size_t)length, to);
    }
    fputc('"', to);
}

static void begin(json *j, const char *name)
{
    if (j->begun)
        fputc(',', j->to);
    if (j->depth > 0 && !j->flat)
        fprintf(j->to, "\n%*s", 2 * j->depth, "");
    if (name) {
        quote(j->to, name);
        fputs(": ", j->to);
    }
    j->begun = true;
}

static void open_bracket(json *j, const char *name, char bracket)
{
    begin(j, name);
    fputc(bracket, j->to);
    j->depth++;
    j->begun = false;
}

void json_object(json *j, const char *name)
{
    open_bracket(j, name, '{');
}

void json_array(json *j, const char *name)
{
    open_bracket(j, name, '[');
}

void json_end(json *j, char bracket)
{
    j->depth--;
    if (j->begun && !j->flat)
        fprintf(j->to, "\n%*s", 2 * j->depth, "");
    fputc(bracket, j->to);
    j->begun = true;
    if (j->depth == 0)
        fputc('\n', j->to);
}

void json_null(json *j, const char *name)
{
    begin(j, name);
    fputs("null", j->to);
}

void json_text(json *j, const char *name, const char *text)
{
    if (!text) {
        json_null(j, name);
        return;
    }
    begin(j, name);
    quote(j->to, text);
}

static void put_real(json *j, const char *name, double number, int digits)
{
    if (!isfinite(number)) {
        json_null(j, name);
        return;
    }
    begin(j, name);
    fprintf(j->to, "%.*g", digits, number);
}

void json_real(json *j, const char *name, double number)
{
    put_real(j, name, number, 9);
}

void json_exact(json *j, const char *name, double number)
{
    char text[40];
    snprintf(text, sizeof text, "%.9g", number);
    put_real(j, name, number, strtod(text, NULL) == number ? 9 : 17);
}

void json_number_text(json *j, const char *name, const char *number)
{
    begin(j, name);
    fputs(number, j->to);
}

void json_count(json *j, const char *name, int64_t number)
{
    begin(j, name);
    fprintf(j->to, "%lld", (long long)number);
}

void json_bool(json *j, const char *name, bool is)
{
    begin(j, name);
    fputs(is ? "true" : "false", j->to);
}
