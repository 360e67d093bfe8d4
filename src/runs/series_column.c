/* The columns of a log. */
#include <string.h>

#include "runs/series.h"

bool tn_series_place(const tn_series *s, const char *kind, const char *name, size_t *place)
{
    size_t low = 0, high = s->num_columns;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const tn_values *v = s->column[middle];
        const int by_kind = strcmp(kind, v->kind);
        const int order = by_kind ? by_kind : strcmp(name, v->name);
        if (order == 0) {
            *place = middle;
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    *place = low;
    return false;
}

static void free_values(tn_values *v)
{
    if (!v)
        return;
    tn_free(v->kind);
    tn_free(v->name);
    tn_free(v->step);
    tn_free(v->line);
    tn_free(v->value);
    tn_free(v);
}

static tn_status insert(tn_series *s, const char *kind, const char *name, size_t place)
{
    TN_TRY(tn_grow((void **)&s->column, s->num_columns, &s->column_capacity, sizeof *s->column,
                   "columns"));
    tn_values *v = tn_alloc(1, sizeof *v);
    if (!v || !(v->kind = tn_copy_text(kind)) || !(v->name = tn_copy_text(name))) {
        free_values(v);
        return tn_no_memory("column", sizeof *v);
    }
    memmove(s->column + place + 1, s->column + place, (s->num_columns - place) * sizeof *s->column);
    s->column[place] = v;
    s->num_columns++;
    return TN_OK;
}

tn_status tn_series_add(tn_series *s, const char *kind, const char *name, double value)
{
    size_t place;
    if (!tn_series_place(s, kind, name, &place)) {
        if (s->num_columns == TN_MOST_COLUMNS)
            return TN_OK;
        TN_TRY(insert(s, kind, name, place));
    }
    tn_values *v = s->column[place];
    TN_TRY(tn_grow((void **)&v->step, v->count, &v->capacity[0], sizeof *v->step, "steps"));
    TN_TRY(tn_grow((void **)&v->line, v->count, &v->capacity[1], sizeof *v->line, "lines"));
    TN_TRY(tn_grow((void **)&v->value, v->count, &v->capacity[2], sizeof *v->value, "values"));
    v->line[v->count] = (int64_t)s->num_lines - 1;
    v->step[v->count] = s->line[s->num_lines - 1].step;
    v->value[v->count++] = value;
    return TN_OK;
}

/* ---- what was taken back ----------------------------------------------------------------------- */

/* Says of each line where it goes: one behind which the run went on from an earlier step, nowhere. */
static void place_lines(tn_series *s)
{
    int64_t from = INT64_MAX, next = 0;
    for (size_t i = s->num_lines; i-- > 0;) {
        tn_line *line = &s->line[i];
        line->place = line->step > from ? -1 : 0;
        if (line->step < from && strcmp(line->kind, "resume") == 0)
            from = line->step;
    }
    for (size_t i = 0; i < s->num_lines; i++)
        if (s->line[i].place == 0)
            s->line[i].place = next++;
}

static void drop_values(tn_values *v, const tn_line *line)
{
    size_t kept = 0;
    for (size_t i = 0; i < v->count; i++) {
        const int64_t place = line[v->line[i]].place;
        if (place < 0)
            continue;
        v->line[kept] = place;
        v->step[kept] = v->step[i];
        v->value[kept++] = v->value[i];
    }
    v->count = kept;
}

void tn_series_drop(tn_series *s)
{
    place_lines(s);
    size_t columns = 0, lines = 0;
    for (size_t i = 0; i < s->num_columns; i++) {
        drop_values(s->column[i], s->line);
        if (s->column[i]->count > 0)
            s->column[columns++] = s->column[i];
        else
            free_values(s->column[i]);
    }
    s->num_columns = columns;
    for (size_t i = 0; i < s->num_lines; i++)
        if (s->line[i].place >= 0)
            s->line[lines++] = s->line[i];
    s->num_lines = lines;
    s->resumed = false;
}

void tn_series_empty(tn_series *s)
{
    for (size_t i = 0; i < s->num_columns; i++)
        free_values(s->column[i]);
    for (size_t i = 0; i < s->num_kinds; i++)
        tn_free(s->kind[i]);
    tn_free(s->column);
    tn_free(s->kind);
    tn_free(s->line);
    *s = (tn_series){.folder = s->folder, .fd = s->fd};
}

/* ---- asking ------------------------------------------------------------------------------------ */

int64_t tn_series_num_columns(const tn_series *s)
{
    return s ? (int64_t)s->num_columns : 0;
}

bool tn_series_column(const tn_series *s, int64_t index, tn_column *out)
{
    if (!out || index < 0 || index >= tn_series_num_columns(s))
        return false;
    const tn_values *v = s->column[index];
    *out = (tn_column){.kind = v->kind,
                       .name = v->name,
                       .count = (int64_t)v->count,
                       .step = v->step,
                       .value = v->value};
    return true;
}

bool tn_series_find(const tn_series *s, const char *kind, const char *name, tn_column *out)
{
    size_t place;
    return s && kind && name && tn_series_place(s, kind, name, &place) &&
           tn_series_column(s, (int64_t)place, out);
}
