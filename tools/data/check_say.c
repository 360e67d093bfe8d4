/*
 * A check as text: what there is, then what was found, the gravest first.
 */
#include <string.h>

#include "../common/table.h"
#include "../common/utf8.h"
#include "check.h"

enum { FILES_SHOWN = 6, GROUPS_SHOWN = 10, CLASSES_SHOWN = 30 };

static const char *const of_sides[] = {"set", "val"};

static void say_sides(const checkup *c, FILE *to)
{
    table t = {.columns = "lrrrrrr"};
    static const char *const heads[] = {"",       "pictures",        "read",     "width",
                                        "height", "mean of R, G, B", "deviation"};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        table_cell(&t, "%s", heads[i]);
    for (int s = 0; s < 2; s++) {
        const tn_check_side *d = tn_check_side_of(c->check, s);
        if (!d)
            continue;
        table_cell(&t, "%s", of_sides[s]);
        table_cell(&t, "%lld", (long long)d->items);
        table_cell(&t, "%lld", (long long)d->read);
        table_cell(&t, "%g to %g", d->width.least, d->width.most);
        table_cell(&t, "%g to %g", d->height.least, d->height.most);
        table_cell(&t, "%.1f %.1f %.1f", d->mean[0], d->mean[1], d->mean[2]);
        table_cell(&t, "%.1f %.1f %.1f", d->deviation[0], d->deviation[1], d->deviation[2]);
    }
    table_print(&t, to);
}

/* Names are of any width and may be any bytes, so they come last. */
static void say_classes(const checkup *c, FILE *to)
{
    const int classes = tn_dataset_classes(c->set);
    fprintf(to, "\n%9s %9s  class, of what can be read\n", of_sides[0], c->val ? of_sides[1] : "");
    for (int i = 0; i < classes && i < CLASSES_SHOWN; i++) {
        fprintf(to, "%9lld ", (long long)tn_check_class_count(c->check, false, i));
        if (c->val)
            fprintf(to, "%9lld  ", (long long)tn_check_class_count(c->check, true, i));
        else
            fprintf(to, "%9s  ", "");
        utf8_print(to, tn_dataset_class_name(c->set, i));
        fputc('\n', to);
    }
    if (classes > CLASSES_SHOWN)
        fprintf(to, "%20s and %d more\n", "", classes - CLASSES_SHOWN);
}

static void say_suspect(const checkup *c, const tn_suspect *s, FILE *to)
{
    tn_checked item;
    tn_check_item(c->check, s->item, &item);
    fprintf(to, "  %c ", s->leave_out ? '-' : ' ');
    utf8_print(to, item.path);
    if (s->why) {
        fputs(": ", to);
        utf8_print(to, s->why);
    }
    fputc('\n', to);
}

static void say_finding(const checkup *c, const tn_finding *f, FILE *to)
{
    fprintf(to, "\n%s: ", tn_find_name(f->kind));
    utf8_print(to, f->text);
    fputc('\n', to);
    for (int64_t i = 0; i < f->count && i < FILES_SHOWN; i++)
        say_suspect(c, &f->suspect[i], to);
    if (f->count > FILES_SHOWN)
        fprintf(to, "    and %lld more\n", (long long)(f->count - FILES_SHOWN));
}

static void say_findings(const checkup *c, FILE *to)
{
    int64_t of_kind = 0, count = tn_check_num_findings(c->check);
    for (int64_t i = 0; i < count; i++) {
        const tn_finding *f = tn_check_finding(c->check, i);
        const tn_finding *next = tn_check_finding(c->check, i + 1);
        if (++of_kind <= GROUPS_SHOWN)
            say_finding(c, f, to);
        if (next && next->kind == f->kind)
            continue;
        if (of_kind > GROUPS_SHOWN)
            fprintf(to, "\n%s: %lld findings more; --json and --html tell them\n",
                    tn_find_name(f->kind), (long long)(of_kind - GROUPS_SHOWN));
        of_kind = 0;
    }
}

void check_say(const checkup *c, FILE *to)
{
    say_sides(c, to);
    say_classes(c, to);
    fprintf(to, "\n%s\n", tn_check_limit_of(c->check)->text);
    say_findings(c, to);
    fputc('\n', to);
    if (tn_check_num_findings(c->check) == 0) {
        fprintf(to, "Nothing found.\n");
        return;
    }
    int64_t told = 0;
    for (int k = 0; k < TN_FINDS; k++)
        if (checkup_count(c, (tn_find)k) > 0)
            fprintf(to, "%s%lld %s",
                    told++ ? ", " : "Found: ", (long long)checkup_count(c, (tn_find)k),
                    tn_find_name((tn_find)k));
    const int64_t advised = checkup_advised(c);
    fputs(".\n", to);
    if (advised > 0 && !c->list)
        fprintf(to,
                "It is advised to leave out %lld picture%s, marked by -: --leave-out exclude.txt "
                "writes %s, and training obeys it (--exclude exclude.txt).\n",
                (long long)advised, advised == 1 ? "" : "s", advised == 1 ? "it" : "them");
}
