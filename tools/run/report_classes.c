/* The classes of a run's last validation, the worst first. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "report.h"
#include "run.h"

enum { SHOWN_CLASSES = 50 };

typedef struct class_share {
    int64_t number;
    double right;
} class_share;

static int by_share(const void *a, const void *b)
{
    const class_share *x = a, *y = b;
    if (x->right != y->right)
        return x->right < y->right ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

/* Of the last line of an epoch that tells of classes; returns how many. */
static int64_t find_classes(tn_series *s, class_share **out)
{
    tn_event e;
    for (int64_t i = tn_series_num_events(s); i-- > 0 && tn_series_event(s, i, &e);) {
        tn_fields *f = NULL;
        if (strcmp(e.kind, "epoch") != 0)
            continue;
        if (tn_series_fields(s, i, &f) != TN_OK)
            run_fail("%s", run_text(tn_error()));
        const tn_field *one;
        int64_t count = 0;
        class_share *share = calloc((size_t)tn_fields_count(f) + 1, sizeof *share);
        if (!share)
            run_fail("no memory for %lld classes", (long long)tn_fields_count(f));
        for (int64_t k = 0; (one = tn_fields_at(f, k)); k++)
            if (strncmp(one->name, "per_class.", 10) == 0 && isfinite(one->number))
                share[count++] =
                    (class_share){.number = run_element(one->name), .right = one->number};
        tn_fields_close(f);
        *out = share;
        if (count > 0)
            return count;
        free(share);
    }
    *out = NULL;
    return 0;
}

/* What the program called it, if its config says. */
static const char *name_of(const tn_fields *config, int64_t number)
{
    static char own[32];
    char name[64];
    snprintf(name, sizeof name, "data.classes.%lld", (long long)number);
    snprintf(own, sizeof own, "class %lld", (long long)number);
    const char *said = tn_fields_text(config, name);
    return said ? said : own;
}

void report_classes(html *h, const tn_run_info *r, tn_series *s)
{
    class_share *share;
    tn_fields *config = NULL;
    const int64_t count = find_classes(s, &share);
    if (count == 0)
        return;
    if (tn_run_config_fields(&config, r->folder) != TN_OK)
        args_warn("%s", run_text(tn_error()));
    qsort(share, (size_t)count, sizeof *share, by_share);
    html_write(h, "<section><h2>Classes, the worst first</h2>\n");
    if (count > SHOWN_CLASSES)
        html_write(h, "<p class=\"quiet\">%d of %lld</p>\n", SHOWN_CLASSES, (long long)count);
    html_write(h, "<div class=\"card scroll\"><table>\n");
    for (int64_t i = 0; i < count && i < SHOWN_CLASSES; i++)
        html_write(h,
                   "<tr><td>%s</td><td class=\"num\">%.1f %%</td><td style=\"width:60%%\"><span "
                   "class=\"meter\"><i "
                   "style=\"width:%.1f%%\"></i></span></td></tr>\n",
                   name_of(config, share[i].number), 100 * share[i].right, 100 * share[i].right);
    html_write(h, "</table></div></section>\n");
    tn_fields_close(config);
    free(share);
}
