/*
 * A list file: text, an image a line.
 *
 *     # the label is the last word, so a path may contain spaces
 *     photos/a tabby.jpg 281
 *
 * Lines that are blank or begin with # say nothing. Paths that do not begin with / are relative to
 * the folder of the list. Labels are all numbers (then 3 is class 3, whatever else is there) or all
 * names (then classes are numbered in the order of strcmp).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "data/dataset.h"
#include "data/lines.h"

/* Above this a label is a mistake rather than a class. */
enum { MAX_LABEL = 1000000 };

typedef struct list {
    tn_dataset *set;
    const char *path;
    int folder_length; /* of `path`, with its last slash */
    int64_t line;
    int64_t first_line; /* the first with a label: it says which kind all are */
    tn_named *label;    /* an item: its name (NULL if a number), and its place in the set */
    size_t capacity;
    int highest; /* numbers only */
} list;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Digits, perhaps after a sign. */
static bool is_number(const char *text)
{
    text += *text == '-' || *text == '+';
    return *text && text[strspn(text, "0123456789")] == 0;
}

static tn_status parse_number(list *l, const char *text, int *number)
{
    errno = 0;
    const long value = strtol(text, NULL, 10);
    if (errno || value < 0 || value > MAX_LABEL)
        return tn_fail(TN_ERR_FORMAT, "%s:%lld: label %s is not from 0 to %d", l->path,
                       (long long)l->line, text, MAX_LABEL);
    *number = (int)value;
    if (*number > l->highest)
        l->highest = *number;
    return TN_OK;
}

/* All labels are of the kind that the first one is. */
static tn_status check_kind(list *l, const char *label, bool number)
{
    if (l->set->num_items == 0) {
        l->set->numbered = number;
        l->first_line = l->line;
    }
    if (l->set->numbered == number)
        return TN_OK;
    return tn_fail(TN_ERR_FORMAT, "%s:%lld: label %s is a %s, but line %lld has a %s", l->path,
                   (long long)l->line, label, number ? "number" : "name", (long long)l->first_line,
                   number ? "name" : "number");
}

static tn_status add_name(list *l, const char *label)
{
    const size_t place = l->set->num_items;
    TN_TRY(tn_grow((void **)&l->label, place, &l->capacity, sizeof *l->label, "labels of a list"));
    const char *copy = tn_dataset_text(l->set, "%s", label);
    if (!copy)
        return tn_no_memory("labels of a list", strlen(label) + 1);
    l->label[place] = (tn_named){copy, (int)place};
    return TN_OK;
}

static tn_status add(list *l, const char *file, const char *label)
{
    const bool number = is_number(label);
    int value = -1; /* a name's number is known at the end */
    TN_TRY(check_kind(l, label, number));
    TN_TRY(number ? parse_number(l, label, &value) : add_name(l, label));
    char *full =
        file[0] == '/' ? tn_copy_text(file) : tn_format("%.*s%s", l->folder_length, l->path, file);
    if (!full)
        return tn_no_memory(l->path, strlen(file));
    const tn_status status = tn_dataset_add_item(l->set, full, 0, value);
    tn_free(full);
    return status;
}

/* One line, ended by 0 and writable. */
static tn_status parse_line(list *l, char *line)
{
    char *end = line + strlen(line);
    while (end > line && is_blank(end[-1]))
        *--end = 0;
    while (is_blank(*line))
        line++;
    if (*line == 0 || *line == '#')
        return TN_OK;
    char *label = end;
    while (label > line && !is_blank(label[-1]))
        label--;
    if (label == line)
        return tn_fail(TN_ERR_FORMAT, "%s:%lld: expected \"path label\", found one word: %.200s",
                       l->path, (long long)l->line, line);
    char *path_end = label;
    while (is_blank(path_end[-1]))
        path_end--;
    *path_end = 0;
    return add(l, line, label);
}

static tn_status number_classes(const list *l)
{
    for (int i = 0; i <= l->highest; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        TN_TRY(tn_dataset_add_class(l->set, name));
    }
    return TN_OK;
}

/* Gives each name the number of its place among the sorted names. */
static tn_status name_classes(const list *l)
{
    tn_dataset *set = l->set;
    tn_named_sort(l->label, set->num_items);
    for (size_t i = 0; i < set->num_items; i++) {
        const tn_named *label = &l->label[i];
        if (i == 0 || strcmp(label->name, label[-1].name) != 0)
            TN_TRY(tn_dataset_add_class(set, label->name));
        set->item[label->number].label = (int)set->num_classes - 1;
    }
    return TN_OK;
}

static tn_status parse(list *l, tn_lines *lines)
{
    char *line;
    tn_status status;
    while ((status = tn_lines_next(lines, l->path, &line)) == TN_OK) {
        l->line = lines->number;
        TN_TRY(parse_line(l, line));
    }
    if (status != TN_END)
        return status;
    if (l->set->num_items == 0)
        return tn_fail(TN_ERR_FORMAT, "%s:%lld: the list ends without an image", l->path,
                       (long long)l->line);
    return l->set->numbered ? number_classes(l) : name_classes(l);
}

static tn_status parse_and_free(tn_dataset *set, const char *path, tn_lines *lines)
{
    const char *slash = strrchr(path, '/');
    list l = {.set = set, .path = path, .folder_length = slash ? (int)(slash + 1 - path) : 0};
    const tn_status status = parse(&l, lines);
    tn_free(l.label);
    tn_lines_free(lines);
    return status;
}

tn_status tn_list_parse(tn_dataset *set, const char *path, const char *bytes, size_t size)
{
    tn_lines lines = {0};
    TN_TRY(tn_lines_copy(&lines, path, bytes, size));
    return parse_and_free(set, path, &lines);
}

tn_status tn_list_read(tn_dataset *set, const char *path)
{
    tn_lines lines = {0};
    const tn_status status = tn_lines_read(&lines, path);
    if (status != TN_OK) {
        tn_lines_free(&lines);
        return status;
    }
    return parse_and_free(set, path, &lines);
}
