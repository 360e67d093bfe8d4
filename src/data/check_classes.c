/*
 * Findings about classes, of the set: one class, empty, few, unequal, mixed; and empty ones of val.
 *
 * Mixed: something that the file has and the picture has not (grey, turned by EXIF, a format that is not the set's most
 * frequent one) which some classes lack and another has in a tenth of its pictures and more often than all others by four
 * deviations of what chance does to two shares. What tells the class by itself is a shortcut, and told as one.
 */
#include <math.h>
#include <string.h>

#include "data/check.h"

enum { UNEQUAL = 4, FEW = 20, NAMED = 5, TEXT = 1024 };

typedef bool (*test)(const tn_check *c, int side, int label);

static bool is_empty(const tn_check *c, int side, int label)
{
    return c->class_count[side][label] == 0;
}

static bool is_few(const tn_check *c, int side, int label)
{
    return c->class_count[side][label] > 0 && c->class_count[side][label] < FEW;
}

/* Names and counts of some classes, "a (3), b (5) and 12 more". */
static void name_some(const tn_check *c, int side, const int *label, int count, char *text)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < count && i < NAMED && used < TEXT; i++)
        used += (size_t)snprintf(text + used, TEXT - used, "%s%.150s (%lld)", i ? ", " : "",
                                 c->set[0]->class_name[label[i]],
                                 (long long)c->class_count[side][label[i]]);
    if (count > NAMED && used < TEXT)
        snprintf(text + used, TEXT - used, " and %d more", count - NAMED);
}

/* One finding with all classes for which it holds. */
static tn_status add_classes(tn_check *c, tn_find kind, int side, test holds, const char *what)
{
    char names[TEXT];
    int count = 0;
    for (int i = 0; i < c->num_classes; i++)
        count += holds(c, side, i);
    if (count == 0)
        return TN_OK;
    tn_finding *f = tn_check_add(c, kind, 0, count);
    if (!f)
        return TN_ERR_MEMORY;
    int *label = tn_check_labels(f);
    count = 0;
    for (int i = 0; i < c->num_classes; i++)
        if (holds(c, side, i))
            label[count++] = i;
    name_some(c, side, label, count, names);
    f->text = tn_check_text(c, "%d of %d classes %s%s: %s.", count, c->num_classes, what,
                            side ? " in val" : "", names);
    return f->text ? TN_OK : tn_check_no_memory();
}

static tn_status add_one_class(tn_check *c)
{
    int with = 0, last = 0;
    for (int i = 0; i < c->num_classes; i++)
        if (c->class_count[0][i] > 0) {
            with++;
            last = i;
        }
    if (with != 1)
        return TN_OK;
    tn_finding *f = tn_check_add(c, TN_FIND_ONE_CLASS, 0, 1);
    if (!f)
        return TN_ERR_MEMORY;
    tn_check_labels(f)[0] = last;
    f->text = tn_check_text(c, "All pictures are of one class, %s: there is nothing to tell apart.",
                            c->set[0]->class_name[last]);
    return f->text ? TN_OK : tn_check_no_memory();
}

static tn_status add_unequal(tn_check *c)
{
    int least = -1, most = -1;
    const int64_t *count = c->class_count[0];
    for (int i = 0; i < c->num_classes; i++) {
        if (count[i] > 0 && (least < 0 || count[i] < count[least]))
            least = i;
        if (count[i] > 0 && (most < 0 || count[i] > count[most]))
            most = i;
    }
    if (least < 0 || count[most] <= UNEQUAL * count[least])
        return TN_OK;
    tn_finding *f = tn_check_add(c, TN_FIND_UNEQUAL, 0, 2);
    if (!f)
        return TN_ERR_MEMORY;
    tn_check_labels(f)[0] = least;
    tn_check_labels(f)[1] = most;
    f->text = tn_check_text(c,
                            "%s has %lld pictures and %s %lld, %.3g times as many: guessing pays, "
                            "and the accuracy of all hides that of the smallest.",
                            c->set[0]->class_name[least], (long long)count[least],
                            c->set[0]->class_name[most], (long long)count[most],
                            (double)count[most] / (double)count[least]);
    return f->text ? TN_OK : tn_check_no_memory();
}

/* ---- mixed -------------------------------------------------------------------------------------- */

static bool has_grey(const tn_look *l, const char *format)
{
    (void)format;
    return l->grey;
}

static bool has_turn(const tn_look *l, const char *format)
{
    (void)format;
    return l->orientation > 1;
}

static bool has_format(const tn_look *l, const char *format)
{
    return strcmp(l->format, format) == 0;
}

typedef struct trait {
    bool (*has)(const tn_look *l, const char *format);
    const char *format;
    const char *text;
} trait;

/* Calls with[label]++ for each picture of the set that has it. Returns how many have. */
static int64_t count_trait(const tn_check *c, const trait *t, int64_t *with)
{
    int64_t all = 0;
    memset(with, 0, (size_t)c->num_classes * sizeof *with);
    for (int64_t i = 0; i < c->first[1]; i++)
        if (tn_check_reads(c, i) && t->has(&c->look[i], t->format)) {
            with[tn_check_source(c, i)->label]++;
            all++;
        }
    return all;
}

static tn_status add_mixed(tn_check *c, const trait *t, int64_t *with)
{
    const double all = (double)count_trait(c, t, with), read = (double)c->side[0].read;
    const double share = read > 0 ? all / read : 0, spread = sqrt(share * (1 - share));
    int without = 0, most = -1;
    double largest = 0;
    for (int i = 0; i < c->num_classes; i++) {
        const double count = (double)c->class_count[0][i], has = (double)with[i];
        without += count > 0 && has == 0;
        if (count == 0 || count == read || has < 0.1 * count)
            continue;
        const double others = (all - has) / (read - count);
        const double chance = spread * sqrt(1 / count + 1 / (read - count));
        if (has / count > others + 4 * chance && has / count > largest) {
            largest = has / count;
            most = i;
        }
    }
    if (most < 0 || without == 0)
        return TN_OK;
    tn_finding *f = tn_check_add(c, TN_FIND_MIXED, 0, 1);
    if (!f)
        return TN_ERR_MEMORY;
    tn_check_labels(f)[0] = most;
    f->text =
        tn_check_text(c,
                      "%.3g %% of the pictures of %s are %s%s, of %d other classes none: a "
                      "network may learn that instead.",
                      100 * largest, c->set[0]->class_name[most], t->text, t->format, without);
    return f->text ? TN_OK : tn_check_no_memory();
}

static const char *const formats[] = {"JPEG", "PNG", "WebP", "GIF", "BMP", "PNM"};

static tn_status add_all_mixed(tn_check *c, bool by_format, bool by_grey)
{
    int64_t most = 0, *with = tn_alloc((size_t)c->num_classes, sizeof *with);
    size_t usual = 0;
    if (!with)
        return tn_check_no_memory();
    tn_status status = by_grey ? TN_OK : add_mixed(c, &(trait){has_grey, "", "grey"}, with);
    if (status == TN_OK)
        status = add_mixed(c, &(trait){has_turn, "", "turned by EXIF"}, with);
    for (size_t i = 0; i < TN_COUNT(formats); i++) {
        const int64_t count = count_trait(c, &(trait){has_format, formats[i], ""}, with);
        usual = count > most ? i : usual;
        most = count > most ? count : most;
    }
    for (size_t i = 0; i < TN_COUNT(formats) && status == TN_OK && !by_format; i++)
        if (i != usual)
            status = add_mixed(c, &(trait){has_format, formats[i], ""}, with);
    tn_free(with);
    return status;
}

tn_status tn_check_classes(tn_check *c)
{
    bool by_format = false, by_grey = false;
    TN_TRY(add_one_class(c));
    for (int s = 0; s < TN_SIDES && c->set[s]; s++)
        TN_TRY(add_classes(c, TN_FIND_EMPTY, s, is_empty, "have no picture that can be read"));
    TN_TRY(add_classes(c, TN_FIND_FEW, 0, is_few, "have under 20 pictures"));
    TN_TRY(add_unequal(c));
    TN_TRY(tn_check_shortcuts(c, &by_format, &by_grey));
    return add_all_mixed(c, by_format, by_grey);
}
