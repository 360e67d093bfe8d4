/* One line of a log. */
#include <math.h>
#include <string.h>

#include "runs/series.h"

enum { NAME_MOST = 255, DEEPEST = 8 };

/* Each word once, so that lines need not keep it. NULL in *out: one kind too many. */
static tn_status keep_kind(tn_series *s, const char *word, const char **out)
{
    size_t low = 0, high = s->num_kinds;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const int order = strcmp(word, s->kind[middle]);
        if (order == 0) {
            *out = s->kind[middle];
            return TN_OK;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    *out = NULL;
    if (s->num_kinds == TN_MOST_KINDS)
        return TN_OK;
    TN_TRY(tn_grow((void **)&s->kind, s->num_kinds, &s->kind_capacity, sizeof *s->kind, "kinds"));
    char *copy = tn_copy_text(word);
    if (!copy)
        return tn_no_memory("kind of a line", strlen(word));
    memmove(s->kind + low + 1, s->kind + low, (s->num_kinds - low) * sizeof *s->kind);
    s->kind[low] = copy;
    s->num_kinds++;
    *out = copy;
    return TN_OK;
}

/* The numbers in an object, whose own name stands in `name` and has `length` bytes. */
static tn_status take_numbers(tn_series *s, const cJSON *object, const char *kind,
                              char name[NAME_MOST + 1], size_t length, int depth)
{
    for (const cJSON *item = object->child; item; item = item->next) {
        const size_t room = NAME_MOST + 1 - length;
        const int used = snprintf(name + length, room, "%s%s", length > 0 ? "." : "", item->string);
        size_t place;
        if (used < 0 || (size_t)used >= room)
            continue;
        if (cJSON_IsNumber(item))
            TN_TRY(tn_series_add(s, kind, name, item->valuedouble));
        else if (cJSON_IsNull(item) && tn_series_place(s, kind, name, &place))
            TN_TRY(tn_series_add(s, kind, name, (double)NAN));
        else if (cJSON_IsObject(item) && depth < DEEPEST)
            TN_TRY(take_numbers(s, item, kind, name, length + (size_t)used, depth + 1));
    }
    return TN_OK;
}

static tn_status take(tn_series *s, cJSON *object, size_t bytes, int64_t offset)
{
    char name[NAME_MOST + 1];
    const cJSON *e = cJSON_GetObjectItemCaseSensitive(object, "e");
    const int64_t step = tn_json_whole(cJSON_GetObjectItemCaseSensitive(object, "step"));
    const cJSON *t = cJSON_GetObjectItemCaseSensitive(object, "t");
    const char *kind = NULL;
    if (cJSON_IsString(e) && step >= 0)
        TN_TRY(keep_kind(s, e->valuestring, &kind));
    if (!kind) {
        s->torn++;
        return TN_OK;
    }
    TN_TRY(tn_grow((void **)&s->line, s->num_lines, &s->line_capacity, sizeof *s->line, "lines"));
    s->line[s->num_lines++] = (tn_line){.offset = offset,
                                        .bytes = bytes,
                                        .step = step,
                                        .time = cJSON_IsNumber(t) ? t->valuedouble : (double)NAN,
                                        .kind = kind};
    s->resumed |= strcmp(kind, "resume") == 0;
    cJSON_DeleteItemFromObjectCaseSensitive(object, "t");
    cJSON_DeleteItemFromObjectCaseSensitive(object, "step");
    return take_numbers(s, object, kind, name, 0, 1);
}

tn_status tn_series_take(tn_series *s, const char *text, size_t bytes, int64_t offset)
{
    cJSON *object = tn_json_object(text, bytes);
    if (!object) {
        s->torn++;
        return TN_OK;
    }
    const tn_status status = take(s, object, bytes, offset);
    cJSON_Delete(object);
    return status;
}
