/*
 * JSON as a list of fields. The names of what is inside of objects and arrays are written out, so what may be nested is
 * bounded: a name has at most 255 bytes.
 */
#include <math.h>
#include <string.h>

#include "base/escape.h"
#include "base/number.h"
#include "runs/read.h"

enum { NAME_MOST = 255, DEEPEST = 16, NUMBER_BYTES = 32 };

struct tn_fields {
    int64_t count;
    tn_field field[];
};

/* Goes through an object twice: first it counts, then it fills in. */
typedef struct walk {
    char name[NAME_MOST + 1];
    size_t count, bytes;
    tn_field *field; /* NULL: only counts */
    char *text;
} walk;

/* Texts as they were before they were written (base/escape.h). */
static void unescape(cJSON *item)
{
    for (; item; item = item->next) {
        if (item->string)
            tn_text_unescape(item->string);
        if (cJSON_IsString(item))
            tn_text_unescape(item->valuestring);
        unescape(item->child);
    }
}

cJSON *tn_json_object(const char *text, size_t size)
{
    const char *end = text;
    cJSON *object = cJSON_ParseWithLengthOpts(text, size, &end, false);
    size_t parsed = (size_t)(end - text);
    while (object && parsed < size && strchr(" \t\r\n", text[parsed]) && text[parsed])
        parsed++;
    if (cJSON_IsObject(object) && parsed == size) {
        unescape(object);
        return object;
    }
    cJSON_Delete(object);
    return NULL;
}

int64_t tn_json_whole(const cJSON *item)
{
    const double number = cJSON_IsNumber(item) ? item->valuedouble : -1;
    return number >= 0 && number <= 0x1p53 && floor(number) == number ? (int64_t)number : -1;
}

/* The shortest text that is read as this number. */
static void print_number(char text[NUMBER_BYTES], double number)
{
    for (int digits = 15; digits <= 17; digits++) {
        tn_print(text, NUMBER_BYTES, "%.*g", digits, number);
        if (tn_parse(text, NULL) == number)
            return;
    }
}

static const char *keep(walk *w, const char *text)
{
    const size_t bytes = strlen(text) + 1;
    w->bytes += bytes;
    if (!w->text)
        return NULL;
    char *copy = memcpy(w->text, text, bytes);
    w->text += bytes;
    return copy;
}

static void visit_value(walk *w, const cJSON *item)
{
    char number[NUMBER_BYTES];
    tn_field f = {.number = (double)NAN, .text = "null"};
    if (cJSON_IsNumber(item)) {
        print_number(number, item->valuedouble);
        f = (tn_field){.kind = TN_FIELD_NUMBER, .text = number, .number = item->valuedouble};
    } else if (cJSON_IsBool(item)) {
        f.kind = TN_FIELD_BOOL;
        f.number = cJSON_IsTrue(item) ? 1 : 0;
        f.text = cJSON_IsTrue(item) ? "true" : "false";
    } else if (cJSON_IsString(item)) {
        f.kind = TN_FIELD_TEXT;
        f.text = item->valuestring;
    }
    f.name = keep(w, w->name);
    f.text = keep(w, f.text);
    if (w->field)
        w->field[w->count] = f;
    w->count++;
}

/* What is in an object or an array, whose own name has `length` bytes. */
static bool visit(walk *w, const cJSON *parent, size_t length, int depth)
{
    int index = 0;
    for (const cJSON *item = parent->child; item; item = item->next, index++) {
        const char *dot = length > 0 ? "." : "";
        const size_t room = sizeof w->name - length;
        const int used = item->string ? snprintf(w->name + length, room, "%s%s", dot, item->string)
                                      : snprintf(w->name + length, room, "%s%d", dot, index);
        if (used < 0 || (size_t)used >= room)
            return false;
        if (!cJSON_IsObject(item) && !cJSON_IsArray(item))
            visit_value(w, item);
        else if (depth == DEEPEST || !visit(w, item, length + (size_t)used, depth + 1))
            return false;
    }
    return true;
}

tn_status tn_fields_of(tn_fields **out, const cJSON *object, const char *what)
{
    walk w = {0};
    if (!visit(&w, object, 0, 1))
        return tn_fail(TN_ERR_FORMAT,
                       "%s: a name is longer than %d bytes with those around it, or more than %d "
                       "deep",
                       what, NAME_MOST, DEEPEST);
    const size_t bytes = sizeof(tn_fields) + w.count * sizeof(tn_field) + w.bytes;
    tn_fields *f = tn_alloc(bytes, 1);
    if (!f)
        return tn_no_memory(what, bytes);
    w = (walk){.field = f->field, .text = (char *)(f->field + w.count)};
    visit(&w, object, 0, 1);
    f->count = (int64_t)w.count;
    *out = f;
    return TN_OK;
}

/* ---- asking ------------------------------------------------------------------------------------ */

int64_t tn_fields_count(const tn_fields *f)
{
    return f ? f->count : 0;
}

const tn_field *tn_fields_at(const tn_fields *f, int64_t index)
{
    return f && index >= 0 && index < f->count ? &f->field[index] : NULL;
}

const tn_field *tn_fields_find(const tn_fields *f, const char *name)
{
    for (int64_t i = 0; f && name && i < f->count; i++)
        if (strcmp(f->field[i].name, name) == 0)
            return &f->field[i];
    return NULL;
}

const char *tn_fields_text(const tn_fields *f, const char *name)
{
    const tn_field *field = tn_fields_find(f, name);
    return field && field->kind != TN_FIELD_NULL ? field->text : NULL;
}

double tn_fields_number(const tn_fields *f, const char *name)
{
    const tn_field *field = tn_fields_find(f, name);
    return field && field->kind == TN_FIELD_NUMBER ? field->number : (double)NAN;
}

void tn_fields_close(tn_fields *f)
{
    tn_free(f);
}
