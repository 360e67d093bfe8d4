/*
 * A check as a page: what there is, what to do, and every kind of finding (check_html_found.c). Below 5 MB however much was
 * found: pictures are shown until their share of that is used up, names up to a number, and the page says how many more
 * there are.
 */
#include "check_html.h"

#include <string.h>

enum { CLASSES = 120 /* that are shown */ };

static const char style[] =
    ".verdict { display: flex; flex-wrap: wrap; gap: 8px; }\n"
    ".verdict a { text-decoration: none; }\n"
    ".kind { display: flex; align-items: baseline; gap: 10px; margin-bottom: 4px; }\n"
    ".kind + p { margin-bottom: 14px; max-width: 84ch; }\n"
    ".cases { display: flex; flex-wrap: wrap; gap: 12px; align-items: stretch; }\n"
    ".case { padding: 12px 16px 14px; max-width: 100%; flex: 0 1 auto; }\n"
    ".case.wide { flex: 1 1 100%; }\n"
    ".case > p { margin-bottom: 9px; font-size: 0.87rem; }\n"
    ".case:not(.wide) > p { max-width: 206px; }\n"
    ".shots figure { border-radius: 6px; }\n"
    ".shots figure.out img { box-shadow: 0 0 0 2px var(--surface), 0 0 0 4px var(--bad); }\n"
    ".shots figcaption { max-height: none; }\n"
    ".shots figcaption b { font-weight: 550; color: var(--ink-2); }\n"
    ".shots figcaption em { font-style: normal; color: var(--bad); }\n"
    ".names { columns: 2; column-gap: 28px; font-size: 0.84rem; }\n"
    ".names div { break-inside: avoid; padding: 2px 0; overflow-wrap: anywhere; }\n"
    ".bars { display: grid; grid-template-columns: minmax(80px, auto) 1fr auto auto; gap: 5px "
    "14px;\n"
    "  align-items: center; font-size: 0.87rem; }\n"
    ".bars .meter { height: 9px; }\n"
    ".bars .num { text-align: right; }\n"
    "@media (max-width: 720px) { .names { columns: 1; } .case { padding: 12px; } }\n";

const char *page_base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* ---- what there is ------------------------------------------------------------------------------ */

static void show_head(page *p)
{
    const tn_check_side *s = tn_check_side_of(p->c->check, false);
    const tn_check_side *v = tn_check_side_of(p->c->check, true);
    html_write(p->h, "<header><h1>%s</h1><p><b>%lld</b> pictures", page_base_of(p->c->name),
               (long long)s->items);
    if (v)
        html_write(p->h, " to train on, <b>%lld</b> to validate on", (long long)v->items);
    html_write(p->h, ", of <b>%d</b> classes</p><p class=\"mono faint\">%s</p>",
               tn_dataset_classes(p->c->set), p->c->path);
    if (v)
        html_write(p->h, "<p class=\"mono faint\">%s</p>", p->c->val_path);
    html_raw(p->h, "</header>\n");
}

/* What all pictures that can be read come to. */
typedef struct census {
    int64_t read, items, grey, turned, bytes;
    const char *format; /* the most frequent one */
    int64_t of_format;
} census;

static census count_all(const checkup *c)
{
    static const char *const formats[] = {"JPEG", "PNG", "WebP", "GIF", "BMP", "PNM", "packed"};
    enum { FORMATS = sizeof formats / sizeof formats[0] };
    int64_t of[FORMATS] = {0};
    census n = {.items = tn_check_count(c->check), .format = ""};
    for (int64_t i = 0; i < n.items; i++) {
        tn_checked item;
        if (!tn_check_item(c->check, i, &item) || item.problem)
            continue;
        n.read++;
        n.bytes += item.bytes;
        n.grey += item.grey;
        n.turned += item.orientation > 1;
        for (int k = 0; k < FORMATS; k++)
            of[k] += strcmp(formats[k], item.format) == 0;
    }
    for (int k = 0; k < FORMATS; k++)
        if (of[k] > n.of_format) {
            n.of_format = of[k];
            n.format = formats[k];
        }
    return n;
}

static double per_cent(int64_t part, int64_t of)
{
    return of > 0 ? 100 * (double)part / (double)of : 0;
}

static void show_figures(page *p)
{
    const tn_check_side *s = tn_check_side_of(p->c->check, false);
    const census n = count_all(p->c);
    const double side = 256;
    html_write(p->h, "<section class=\"card\"><div class=\"figs\">\n");
    html_write(p->h, "<div class=\"fig\"><b>%lld</b><span>can be read, of %lld</span></div>\n",
               (long long)n.read, (long long)n.items);
    html_write(p->h,
               "<div class=\"fig\"><b>%g × %g</b><span>median; %g × %g to %g × %g</span></div>\n",
               s->width.median, s->height.median, s->width.least, s->height.least, s->width.most,
               s->height.most);
    html_write(p->h, "<div class=\"fig\"><b>%.3g %%</b><span>%s</span></div>\n",
               per_cent(n.of_format, n.read), n.format);
    html_write(p->h, "<div class=\"fig\"><b>%.3g %%</b><span>grey; %lld turned</span></div>\n",
               per_cent(n.grey, n.read), (long long)n.turned);
    html_write(p->h,
               "<div class=\"fig\"><b>%.0f %.0f %.0f</b><span>mean; deviation %.0f %.0f "
               "%.0f</span></div>\n",
               s->mean[0], s->mean[1], s->mean[2], s->deviation[0], s->deviation[1],
               s->deviation[2]);
    html_write(p->h, "<div class=\"fig\"><b>%.3g MB</b><span>packed at 256: %.3g MB</span></div>\n",
               (double)n.bytes / 1e6, (double)n.read * side * side * 3 / 1e6);
    html_raw(p->h, "</div></section>\n");
}

static void show_verdict(page *p)
{
    char line[20480];
    const int64_t advised = checkup_advised(p->c);
    html_raw(p->h, "<section><h2>What was found</h2><div class=\"verdict\">\n");
    for (int k = 0; k < TN_FINDS; k++)
        if (checkup_count(p->c, (tn_find)k) > 0)
            html_write(p->h, "<a href=\"#k%d\"><span class=\"tag %s\">%lld %s</span></a>\n", k,
                       page_tag_of((tn_find)k), (long long)checkup_count(p->c, (tn_find)k),
                       tn_find_name((tn_find)k));
    if (tn_check_num_findings(p->c->check) == 0)
        html_raw(p->h, "<span class=\"tag ok\">nothing</span>");
    html_write(p->h, "</div>\n");
    if (advised > 0) {
        html_write(
            p->h,
            "<p class=\"quiet\" style=\"margin-top: 14px\">It is advised to leave out <b>%lld</b> "
            "picture%s, with a red frame below. No file is changed: what is left out is written to "
            "a list, which training, packing and evaluation obey.</p>\n",
            (long long)advised, advised == 1 ? "" : "s");
        snprintf(line, sizeof line, "%s --leave-out exclude.txt", p->c->given);
        html_command(p->h, line);
        html_command(p->h, "tenon train ... --exclude exclude.txt");
    }
    html_raw(p->h, "</section>\n");
}

static void show_classes(page *p)
{
    const checkup *c = p->c;
    const int classes = tn_dataset_classes(c->set);
    int64_t most = 1;
    for (int i = 0; i < classes; i++)
        if (tn_check_class_count(c->check, false, i) > most)
            most = tn_check_class_count(c->check, false, i);
    html_write(p->h,
               "<section><h2>Classes</h2><div class=\"card pad\"><div class=\"bars\">\n"
               "<span></span><span></span><span class=\"num faint\">%s</span>"
               "<span class=\"num faint\">%s</span>\n",
               c->val ? "train" : "pictures", c->val ? "val" : "");
    for (int i = 0; i < classes && i < CLASSES; i++) {
        const int64_t train = tn_check_class_count(c->check, false, i);
        html_write(p->h,
                   "<span>%s</span><span class=\"meter\"><i style=\"width: %.1f%%\"></i></span>"
                   "<span class=\"num\">%lld</span>",
                   tn_dataset_class_name(c->set, i), 100 * (double)train / (double)most,
                   (long long)train);
        if (c->val)
            html_write(p->h, "<span class=\"num\">%lld</span>\n",
                       (long long)tn_check_class_count(c->check, true, i));
        else
            html_raw(p->h, "<span></span>\n");
    }
    html_raw(p->h, "</div>\n");
    if (classes > CLASSES)
        html_write(p->h, "<p class=\"faint\">and %d more</p>", classes - CLASSES);
    html_raw(p->h, "</div></section>\n");
}

/* What was passed over when the sets were opened. */
static void show_notices(page *p)
{
    enum { NOTICES = 40 };
    const tn_dataset *const sets[] = {p->c->set, p->c->val};
    const int all = tn_dataset_num_notices(sets[0]) + tn_dataset_num_notices(sets[1]);
    if (all == 0)
        return;
    html_raw(p->h, "<section><h2>Passed over</h2><div class=\"card pad names\">\n");
    int shown = 0;
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < tn_dataset_num_notices(sets[s]) && shown < NOTICES; i++, shown++)
            html_write(p->h, "<div>%s</div>\n", tn_dataset_notice(sets[s], i));
    if (all > NOTICES)
        html_write(p->h, "<div class=\"faint\">and %d more</div>\n", all - NOTICES);
    html_raw(p->h, "</div></section>\n");
}

void check_html(const checkup *c, const char *path, bool force)
{
    char title[512];
    html h;
    page p = {.h = &h, .c = c};
    snprintf(title, sizeof title, "%.400s: what is in it", page_base_of(c->name));
    html_begin(&h, path, force, title, style);
    show_head(&p);
    show_figures(&p);
    show_verdict(&p);
    page_findings(&p);
    show_classes(&p);
    show_notices(&p);
    html_write(&h, "<footer>%s<br>Made by</footer>\n", tn_check_limit_of(c->check)->text);
    html_command(&h, c->given);
    html_end(&h);
}
