#include "runs/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/number.h"

void tn_json_clear(tn_json *j)
{
    j->length = 0;
    j->failed = false;
}

void tn_json_free(tn_json *j)
{
    tn_free(j->text);
    *j = (tn_json){0};
}

static void add(tn_json *j, const char *text, size_t bytes)
{
    while (!j->failed && j->capacity - j->length < bytes + 1)
        j->failed = tn_grow((void **)&j->text, j->capacity, &j->capacity, 1, "JSON") != TN_OK;
    if (j->failed)
        return;
    memcpy(j->text + j->length, text, bytes);
    j->length += bytes;
    j->text[j->length] = '\0';
}

/* UTF-8, as RFC 8259 wants it. */
static void add_quoted_utf8(tn_json *j, const char *text)
{
    add(j, "\"", 1);
    for (const char *p = text; *p;) {
        size_t plain = 0;
        while ((unsigned char)p[plain] >= ' ' && p[plain] != '"' && p[plain] != '\\')
            plain++;
        add(j, p, plain);
        p += plain;
        if (!*p)
            break;
        char code[8];
        const int bytes = *p == '"' || *p == '\\'
                              ? snprintf(code, sizeof code, "\\%c", *p)
                              : snprintf(code, sizeof code, "\\u%04x", (unsigned)*p);
        add(j, code, (size_t)bytes);
        p++;
    }
    add(j, "\"", 1);
}

static bool is_ascii(const char *text)
{
    while (*text && (unsigned char)*text < 0x80)
        text++;
    return !*text;
}

static void add_quoted(tn_json *j, const char *text)
{
    char *utf8 = is_ascii(text) ? NULL : tn_text_escape(text);
    if (utf8)
        add_quoted_utf8(j, utf8);
    else if (is_ascii(text))
        add_quoted_utf8(j, text);
    else
        j->failed = true;
    tn_free(utf8);
}

/* A comma where one is due, and the name. */
static void begin(tn_json *j, const char *name)
{
    const char last = j->length ? j->text[j->length - 1] : '\0';
    if (last && last != '{' && last != '[')
        add(j, ",", 1);
    if (!name)
        return;
    add_quoted(j, name);
    add(j, ":", 1);
}

void tn_json_open(tn_json *j, const char *name, char bracket)
{
    begin(j, name);
    add(j, &bracket, 1);
}

void tn_json_close(tn_json *j, char bracket)
{
    add(j, &bracket, 1);
}

void tn_json_text(tn_json *j, const char *name, const char *text)
{
    if (!text) {
        tn_json_raw(j, name, "null");
        return;
    }
    begin(j, name);
    add_quoted(j, text);
}

void tn_json_raw(tn_json *j, const char *name, const char *text)
{
    begin(j, name);
    add(j, text, strlen(text));
}

void tn_json_count(tn_json *j, const char *name, int64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)number);
    tn_json_raw(j, name, text);
}

static void real(tn_json *j, const char *name, double number, const char *text)
{
    tn_json_raw(j, name, isfinite(number) ? text : "null");
}

void tn_json_real(tn_json *j, const char *name, double number)
{
    char text[32];
    tn_print(text, sizeof text, "%.17g", number);
    real(j, name, number, text);
}

void tn_json_f32(tn_json *j, const char *name, float number)
{
    char text[32];
    tn_print(text, sizeof text, "%.9g", (double)number);
    real(j, name, (double)number, text);
}

void tn_json_bool(tn_json *j, const char *name, bool is)
{
    tn_json_raw(j, name, is ? "true" : "false");
}

void tn_json_add(tn_json *j, const char *text)
{
    add(j, text, strlen(text));
}

tn_status tn_json_end(tn_json *j)
{
    add(j, "\n", 1);
    return j->failed ? tn_no_memory("a line of the log", j->length) : TN_OK;
}
