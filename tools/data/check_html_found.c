/*
 * Findings on a page, a section a kind: what it means, every case with its pictures, the command that acts on it.
 */
#include <string.h>

#include "check_html.h"

enum {
    GROUPS = 40,  /* findings of a kind that are shown */
    MEMBERS = 12, /* pictures of a group */
    FILES = 120,  /* of findings about single files */
    SIDE = 112,
    BUDGET = 4000000, /* bytes of pictures, as base64 */
    MOST = 4900000    /* bytes of the page */
};

/* Names can be as long as paths may be. */
static bool is_full(const page *p)
{
    return ftell(p->h->file.to) > MOST;
}

/* What each kind means, and what to do. */
static const struct {
    const char *tag, *title, *text;
} kinds[TN_FINDS] = {
    [TN_FIND_BROKEN] = {"bad", "Files that cannot be read",
                        "A loader passes over them, and fails where there are many. Get them "
                        "again, or leave them out."},
    [TN_FIND_CONFLICT] = {"bad", "The same picture under two labels",
                          "One of the labels is wrong for sure, and a network is punished whatever "
                          "it says. Correct it, or "
                          "leave all of them out."},
    [TN_FIND_LEAK] = {"bad", "Pictures of validation that are in training too",
                      "Validation then asks for what was learned by heart, and looks better than "
                      "it is. Leave them out of "
                      "training."},
    [TN_FIND_ONE_CLASS] = {"bad", "One class", "A network that always says it is right."},
    [TN_FIND_EMPTY] = {"bad", "Empty classes",
                       "A network can say such a class, and never be right or wrong about it."},
    [TN_FIND_SHORTCUT] = {"bad", "A class that something beside the picture gives away",
                          "A network learns whatever tells classes apart: the marks of a camera, a "
                          "scale, a compression. On "
                          "other pictures that is gone. Make classes alike in it: scale, "
                          "recompress or collect anew."},
    [TN_FIND_SAME] = {"warn", "The same picture more than once",
                      "It counts as often as it is there. One of each is enough."},
    [TN_FIND_ALIKE] = {"warn", "Pictures that look alike",
                       "Recompressed, scaled, cut, mirrored, or taken a moment later. In two parts "
                       "of a set they are a leak; in "
                       "one they count twice. Look at them: things may look alike by nature."},
    [TN_FIND_DOUBTFUL] = {"warn", "Labels that the model doubts",
                          "Most are the model's mistakes or hard pictures, some are wrong labels. "
                          "Look at them, the surest first."},
    [TN_FIND_UNEQUAL] =
        {"warn", "Classes of unequal size",
         "Weigh the loss, get more of the small one, and look at each class's own accuracy."},
    [TN_FIND_FEW] = {"warn", "Classes with few pictures",
                     "Too few to learn from, or to measure on."},
    [TN_FIND_FLAT] = {"warn", "Pictures of one colour",
                      "There is nothing, or hardly anything, on them to learn."},
    [TN_FIND_ODD] = {"", "Pictures of odd shape",
                     "The middle that a network sees of them may lack what they show."},
    [TN_FIND_SMALL] = {"", "Pictures smaller than what a network will see",
                       "They are scaled up and blurred. A smaller --size may do."},
    [TN_FIND_MIXED] = {"", "Something in some classes only",
                       "What only some classes have a network may take for the class."}};

/* Where it lies in its set. */
static const char *place_of(const checkup *c, const tn_checked *item)
{
    const char *root = item->val ? c->val_path : c->path;
    const size_t length = strlen(root);
    const bool within = strncmp(item->path, root, length) == 0 && item->path[length] == '/';
    return within ? item->path + length + 1 : item->path;
}

/* ---- pictures ----------------------------------------------------------------------------------- */

/* A small picture, if the file can be read and there is room. */
static void show_picture(page *p, const tn_checked *item, int64_t which)
{
    int64_t number;
    tn_jpeg jpeg = {0};
    const tn_dataset *set = checkup_set_of(p->c, which, &number);
    const tn_jpeg_opts opts = {.side = SIDE, .quality = 72};
    if (item->problem || tn_dataset_jpeg(set, number, &opts, &jpeg) != TN_OK)
        return;
    const size_t bytes = (jpeg.size + 2) / 3 * 4;
    if (bytes <= p->budget) {
        html_picture(p->h, "image/jpeg", jpeg.bytes, jpeg.size, page_base_of(item->path));
        p->budget -= bytes;
    }
    tn_jpeg_free(&jpeg);
}

static void show_suspect(page *p, const tn_suspect *s, const char *why)
{
    tn_checked item;
    tn_check_item(p->c->check, s->item, &item);
    html_raw(p->h, s->leave_out ? "<figure class=\"out\"" : "<figure");
    html_write(p->h, " title=\"%s\">", place_of(p->c, &item));
    show_picture(p, &item, s->item);
    html_write(p->h, "<figcaption><b>%s</b>%s<br>%s", tn_dataset_class_name(p->c->set, item.label),
               !p->c->val ? ""
               : item.val ? " · val"
                          : " · train",
               page_base_of(item.path));
    if (why)
        html_write(p->h, "<br>%s", why);
    html_raw(p->h, s->leave_out ? "<br><em>leave out</em>" : "");
    html_raw(p->h, "</figcaption></figure>\n");
}

/* "12 bits from the mirror image of /long/path": the path stands under the first picture already. */
static const char *short_why(const char *why, char *text, size_t size)
{
    const char *path = why ? strchr(why, '/') : NULL;
    if (!path)
        return why;
    snprintf(text, size, "%.*s", (int)(path - why), why);
    static const char *const ends[] = {" of ", " from ", " as ", " like "};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        const size_t used = strlen(text), length = strlen(ends[i]);
        if (used >= length && strcmp(text + used - length, ends[i]) == 0)
            text[used - length] = '\0';
    }
    return text;
}

static void show_group(page *p, const tn_finding *f)
{
    char text[256];
    html_raw(p->h, f->count > 3 ? "<div class=\"card case wide\">" : "<div class=\"card case\">");
    html_write(p->h, "<p>%s</p><div class=\"shots\">\n", f->text);
    for (int64_t i = 0; i < f->count && i < MEMBERS && !is_full(p); i++)
        show_suspect(p, &f->suspect[i], short_why(f->suspect[i].why, text, sizeof text));
    html_raw(p->h, "</div>\n");
    if (f->count > MEMBERS)
        html_write(p->h, "<p class=\"faint\">and %lld more</p>", (long long)(f->count - MEMBERS));
    html_raw(p->h, "</div>\n");
}

/* Findings about single files: a name and a reason each, with a picture where there is one to see. */
static void show_files(page *p, const tn_finding *f)
{
    const bool names = f->kind == TN_FIND_BROKEN;
    html_write(p->h, "<div class=\"card case wide\"><p>%s</p><div class=\"%s\">\n", f->text,
               names ? "names" : "shots");
    for (int64_t i = 0; i < f->count && i < FILES && !is_full(p); i++) {
        tn_checked item;
        tn_check_item(p->c->check, f->suspect[i].item, &item);
        if (names)
            html_write(
                p->h, "<div><span class=\"mono\">%s</span> <span class=\"faint\">%s</span></div>\n",
                place_of(p->c, &item), f->suspect[i].why);
        else
            show_suspect(p, &f->suspect[i], f->suspect[i].why);
    }
    html_raw(p->h, "</div>\n");
    if (f->count > FILES)
        html_write(p->h, "<p class=\"faint\">and %lld more</p>", (long long)(f->count - FILES));
    html_raw(p->h, "</div>\n");
}

/* ---- findings ----------------------------------------------------------------------------------- */

/* How to leave a kind out, where that is a thing to do. */
static void show_command(page *p, tn_find kind, bool pictures)
{
    char line[20480];
    if (!pictures)
        return;
    snprintf(line, sizeof line, "%s --leave-out exclude.txt --kinds %s", p->c->given,
             tn_find_name(kind));
    html_command(p->h, line);
}

static void show_kind(page *p, tn_find kind)
{
    const int64_t all = checkup_count(p->c, kind);
    int64_t shown = 0;
    bool pictures = false;
    html_write(
        p->h,
        "<section id=\"k%d\"><div class=\"kind\"><span class=\"tag %s\">%s</span><h2>%s</h2></div>"
        "<p class=\"quiet\">%s</p>\n<div class=\"cases\">\n",
        kind, kinds[kind].tag, tn_find_name(kind), kinds[kind].title, kinds[kind].text);
    for (int64_t i = 0; i < tn_check_num_findings(p->c->check); i++) {
        const tn_finding *f = tn_check_finding(p->c->check, i);
        if (f->kind != kind || shown++ >= GROUPS || is_full(p))
            continue;
        pictures |= f->count > 0;
        if (kind == TN_FIND_CONFLICT || kind == TN_FIND_LEAK || kind == TN_FIND_SAME ||
            kind == TN_FIND_ALIKE)
            show_group(p, f);
        else if (f->count > 0)
            show_files(p, f);
        else
            html_write(p->h, "<div class=\"card case wide\">%s</div>\n", f->text);
    }
    if (all > GROUPS)
        html_write(
            p->h,
            "<div class=\"card case wide faint\">and %lld findings more; --json tells all</div>\n",
            (long long)(all - GROUPS));
    html_raw(p->h, "</div>\n");
    show_command(p, kind, pictures);
    html_raw(p->h, "</section>\n");
}

void page_findings(page *p)
{
    int present = 0;
    for (int k = 0; k < TN_FINDS; k++)
        present += checkup_count(p->c, (tn_find)k) > 0;
    for (int k = 0; k < TN_FINDS; k++)
        if (checkup_count(p->c, (tn_find)k) > 0) {
            p->budget = BUDGET / (size_t)present;
            show_kind(p, (tn_find)k);
        }
}

const char *page_tag_of(tn_find kind)
{
    return kinds[kind].tag;
}
