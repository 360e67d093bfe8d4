/*
 * A check as JSON: everything, in an order that does not change. No time and no number of threads is in it.
 */
#include <string.h>

#include "../common/json.h"
#include "check.h"

static void spread(json *j, const char *name, const tn_spread *s)
{
    json_object(j, name);
    json_real(j, "least", s->least);
    json_real(j, "low", s->low);
    json_real(j, "median", s->median);
    json_real(j, "high", s->high);
    json_real(j, "most", s->most);
    json_end(j, '}');
}

static void numbers(json *j, const char *name, const double *value)
{
    json_array(j, name);
    for (int i = 0; i < 3; i++)
        json_real(j, NULL, value[i]);
    json_end(j, ']');
}

enum { FORMATS = 16, SIZES = 300 };

/* What the files are: how many of each format, how many grey, the qualities of JPEG. */
static void files(json *j, const checkup *c, bool val)
{
    const char *format[FORMATS];
    int64_t count[FORMATS] = {0}, grey = 0;
    int formats = 0, least = 101, most = 0;
    tn_checked item;
    for (int64_t i = 0; tn_check_item(c->check, i, &item); i++) {
        if (item.val != val || item.problem)
            continue;
        int f = 0;
        while (f < formats && strcmp(format[f], item.format) != 0)
            f++;
        if (f == formats && f < FORMATS)
            format[formats++] = item.format;
        count[f < FORMATS ? f : FORMATS - 1]++;
        grey += item.grey;
        least = item.quality && item.quality < least ? item.quality : least;
        most = item.quality > most ? item.quality : most;
    }
    json_object(j, "formats");
    for (int f = 0; f < formats; f++)
        json_count(j, format[f], count[f]);
    json_end(j, '}');
    json_count(j, "grey", grey);
    if (most > 0) {
        json_object(j, "quality");
        json_count(j, "least", least);
        json_count(j, "most", most);
        json_end(j, '}');
    }
}

/* Width and height of some, evenly among all that can be read. */
static void sizes(json *j, const checkup *c, const tn_check_side *s, bool val)
{
    const int64_t step = (s->read + SIZES - 1) / SIZES;
    int64_t at = 0;
    tn_checked item;
    json_array(j, "sizes");
    for (int64_t i = 0; tn_check_item(c->check, i, &item); i++) {
        if (item.val != val || item.problem || at++ % step != 0)
            continue;
        json_array(j, NULL);
        json_count(j, NULL, item.width);
        json_count(j, NULL, item.height);
        json_end(j, ']');
    }
    json_end(j, ']');
}

static void side(json *j, const checkup *c, bool val)
{
    const tn_check_side *s = tn_check_side_of(c->check, val);
    if (!s) {
        json_null(j, "val");
        return;
    }
    json_object(j, val ? "val" : "set");
    json_text(j, "path", val ? c->val_path : c->path);
    json_count(j, "pictures", s->items);
    json_count(j, "read", s->read);
    json_count(j, "bytes", s->bytes);
    if (s->read > 0) {
        spread(j, "width", &s->width);
        spread(j, "height", &s->height);
        spread(j, "aspect", &s->aspect);
        spread(j, "file_bytes", &s->file);
        numbers(j, "mean", s->mean);
        numbers(j, "deviation", s->deviation);
        files(j, c, val);
        sizes(j, c, s, val);
    }
    json_object(j, "classes");
    for (int i = 0; i < tn_dataset_classes(c->set); i++)
        json_count(j, tn_dataset_class_name(c->set, i), tn_check_class_count(c->check, val, i));
    json_end(j, '}');
    json_end(j, '}');
}

static void notices(json *j, const tn_dataset *set)
{
    for (int i = 0; i < tn_dataset_num_notices(set); i++)
        json_text(j, NULL, tn_dataset_notice(set, i));
}

static void suspect(json *j, const checkup *c, const tn_suspect *s)
{
    tn_checked item;
    tn_check_item(c->check, s->item, &item);
    json_object(j, NULL);
    json_text(j, "path", item.path);
    json_text(j, "side", item.val ? "val" : "set");
    json_text(j, "class", tn_dataset_class_name(c->set, item.label));
    json_text(j, "why", s->why);
    json_bool(j, "leave_out", s->leave_out);
    json_end(j, '}');
}

static void finding(json *j, const checkup *c, const tn_finding *f)
{
    json_object(j, NULL);
    json_text(j, "kind", tn_find_name(f->kind));
    json_text(j, "text", f->text);
    json_array(j, "classes");
    for (int i = 0; i < f->num_classes; i++)
        json_text(j, NULL, tn_dataset_class_name(c->set, f->label[i]));
    json_end(j, ']');
    json_array(j, "pictures");
    for (int64_t i = 0; i < f->count; i++)
        suspect(j, c, &f->suspect[i]);
    json_end(j, ']');
    json_end(j, '}');
}

void check_json(const checkup *c, FILE *to)
{
    const tn_check_limit *l = tn_check_limit_of(c->check);
    json j = {.to = to};
    json_object(&j, NULL);
    json_count(&j, "v", 1);
    json_count(&j, "size", c->size);
    side(&j, c, false);
    side(&j, c, true);
    json_object(&j, "limit");
    json_count(&j, "bits", l->bits);
    json_count(&j, "pairs", l->pairs);
    json_count(&j, "alike_at_first", l->alike[0]);
    json_count(&j, "alike_at_6", l->alike[1]);
    json_text(&j, "text", l->text);
    json_end(&j, '}');
    json_array(&j, "notices");
    notices(&j, c->set);
    notices(&j, c->val);
    json_end(&j, ']');
    json_count(&j, "advised", checkup_advised(c));
    json_array(&j, "findings");
    for (int64_t i = 0; i < tn_check_num_findings(c->check); i++)
        finding(&j, c, tn_check_finding(c->check, i));
    json_end(&j, ']');
    json_end(&j, '}');
}
