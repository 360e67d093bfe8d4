/*
 * A list file: text, an image a line.
 *
 *     # the label is the last word, so a path may contain spaces
 *     photos/a tabby.jpg 281
 *     # or, behind a tab, all that follows; in quotes (quote.h) there may be anything
 *     photos/two cats.jpg<TAB>tabby cat
 *     "photos/with a \" and a\nline break.jpg" "281"
 *
 * Lines that are blank or begin with # say nothing. Paths that do not begin with / are relative to
 * the folder of the list. Labels are all numbers (then 3 is class 3, whatever else is there) or all
 * names (then classes are numbered in the order of strcmp); one in quotes is a name.
 *
 * Other programs write such lists in other ways: the number first, commas, a heading, quotes. Many of
 * them would still parse, each file as a class of its own or with a name that is not there, so what is
 * taken to be one is an error.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "data/dataset.h"
#include "data/lines.h"
#include "data/names.h"
#include "data/quote.h"

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

/* "2.0", "1e3". */
static bool is_number_with_point(const char *text)
{
    char *end;
    tn_parse(text, &end);
    return end != text && *end == 0 && text[strcspn(text, ".eE")] && !isalpha((unsigned char)*text);
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

/* Of a line: path and label, and whether they stood in quotes. */
typedef struct entry {
    char *path, *label;
    bool path_quoted, label_quoted;
} entry;

static tn_status add(list *l, const entry *e)
{
    const char *file = e->path, *label = e->label;
    const bool number = !e->label_quoted && is_number(label);
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

static tn_status refuse(const list *l, const char *why, const char *what)
{
    return tn_fail(TN_ERR_FORMAT, "%s:%lld: expected \"path label\", found %s: %.200s", l->path,
                   (long long)l->line, why, what);
}

/* One of the words ends like an image's name. */
static bool has_image(const char *text)
{
    char end[16]; /* longer than any ending */
    while (*text) {
        const size_t length = strcspn(text, " \t");
        const size_t bytes = length < sizeof end ? length : sizeof end - 1;
        snprintf(end, sizeof end, "%.*s", (int)bytes, text + length - bytes);
        if (tn_name_is_image(end))
            return true;
        text += length + strspn(text + length, " \t");
    }
    return false;
}

/* Numbers with blanks between them. */
static bool is_several_numbers(const char *label)
{
    return strpbrk(label, " \t") && label[strspn(label, "0123456789.+- \t")] == 0;
}

static bool is_heading(const char *path)
{
    static const char *const words[] = {"path",  "file",       "filename", "file_name", "filepath",
                                        "image", "image_path", "img",      "name",      "id"};
    for (size_t i = 0; i < TN_COUNT(words); i++)
        if (strcasecmp(path, words[i]) == 0)
            return true;
    return false;
}

/* What says that the list is one of another kind; nothing does that stands in quotes. */
static tn_status check_path(const list *l, const char *path)
{
    if (strchr(",;", path[strlen(path) - 1]))
        return refuse(l, "a comma or semicolon, where blanks should part path and label", path);
    if (strchr(path, '"') || path[0] == '\'')
        return refuse(l, "quotes, which a path with blanks does not need", path);
    if (strchr(path, '\\'))
        return refuse(l, "a backslash, where / should part folders", path);
    if (path[0] && path[1] == ':' && path[2] == '/')
        return refuse(l, "a drive of Windows", path);
    if (!tn_name_is_image(path) && has_image(path))
        return refuse(l, "more than one label", path);
    if (l->set->num_items == 0 && is_heading(path))
        return refuse(l, "a heading", path);
    return TN_OK;
}

static tn_status check_label(const list *l, const char *path, const char *label)
{
    if (has_image(label))
        return refuse(l, "an image's name where the label should be, the last word", label);
    if (strpbrk(label, ",;"))
        return refuse(l, "a comma or semicolon, where blanks should part path and label", path);
    if (strpbrk(label, "\"\\"))
        return refuse(l, "a quote or backslash in a label that is not in quotes", label);
    if (is_number_with_point(label))
        return refuse(l, "a label that is not a whole number", label);
    if (strchr(label, '\t') || is_several_numbers(label))
        return refuse(l, "more than one label", label);
    return TN_OK;
}

/* From `text`, in quotes if it begins with one, to what follows it. */
static tn_status read_quoted(const list *l, char *text, bool *quoted, char **rest)
{
    char bad[64];
    *quoted = *text == '"';
    *rest = text;
    if (!*quoted)
        return TN_OK;
    snprintf(bad, sizeof bad, "%s", text);
    *rest = tn_unquote(text);
    if (*rest && *text)
        return TN_OK;
    return refuse(
        l, *rest ? "nothing between quotes" : "quotes that do not close, or an unknown \\", bad);
}

/* Of `text`, up to its tab or else its last word, the path; and what stands behind. */
static void cut_path(char *text, char **label)
{
    char *end = strchr(text, '\t');
    if (!end) {
        end = text + strlen(text);
        while (end > text && !is_blank(end[-1]))
            end--;
        end -= end > text;
    }
    *label = end + (*end != 0);
    while (end > text && is_blank(end[-1]))
        end--;
    *end = 0;
}

/* One line without blanks at its ends. */
static tn_status cut(const list *l, char *line, entry *e)
{
    char *rest;
    const char *all = line;
    *e = (entry){.path = line, .label = line};
    TN_TRY(read_quoted(l, line, &e->path_quoted, &rest));
    if (e->path_quoted)
        e->label = rest;
    else if (strpbrk(line, " \t"))
        cut_path(line, &e->label);
    while (is_blank(*e->label))
        e->label++;
    if (e->label == e->path || *e->label == 0)
        return refuse(l, strpbrk(all, ",;") ? "one word, perhaps parted by commas" : "one word",
                      all);
    if (e->path_quoted && !is_blank(*rest))
        return refuse(l, "no blank behind quotes", rest);
    TN_TRY(read_quoted(l, e->label, &e->label_quoted, &rest));
    if (e->label_quoted && *rest)
        return refuse(l, "more than one label", rest);
    return TN_OK;
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
    if (strchr(line, '\r'))
        return refuse(l, "a line break of old Macs (CR alone)", "save it with LF or CR LF");
    entry e;
    TN_TRY(cut(l, line, &e));
    if (!e.label_quoted)
        TN_TRY(check_label(l, e.path, e.label));
    if (!e.path_quoted)
        TN_TRY(check_path(l, e.path));
    return add(l, &e);
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

tn_status tn_list_check(const tn_dataset *set, const char *path)
{
    tn_named *sorted = tn_alloc(set->num_items, sizeof *sorted);
    if (!sorted)
        return tn_no_memory("paths of a list", set->num_items * sizeof *sorted);
    for (size_t i = 0; i < set->num_items; i++)
        sorted[i] = (tn_named){set->item[i].path, (int)i};
    tn_named_sort(sorted, set->num_items);
    tn_status status = TN_OK;
    for (size_t i = 1; status == TN_OK && i < set->num_items; i++) {
        const int a = set->item[sorted[i - 1].number].label, b = set->item[sorted[i].number].label;
        if (a != b && strcmp(sorted[i - 1].name, sorted[i].name) == 0)
            status = tn_fail(TN_ERR_FORMAT, "%s: %s is in it with the label %s and with %s", path,
                             sorted[i].name, set->class_name[a], set->class_name[b]);
    }
    tn_free(sorted);
    return status;
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
