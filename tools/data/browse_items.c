/* Pictures of a data set: which there are, and each as it is or as a network sees it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "../train/recipe.h"
#include "browse.h"

enum { BMP_HEAD = 54, MOST_PIXELS = 2048 };

/* ---- lists ---------------------------------------------------------------------------------------- */

void browse_tell_item(json *j, const kept *k, bool val, int64_t item, const char *why)
{
    const kept_side *d = &k->side[val];
    const int label = tn_dataset_item_label(d->set, item);
    json_object(j, NULL);
    json_text(j, "side", val ? "val" : "set");
    json_count(j, "item", item);
    json_text(j, "path", tn_dataset_item_path(d->set, item));
    json_text(j, "class", tn_dataset_class_name(d->set, label));
    json_text(j, "kind", d->kind[item] >= 0 ? tn_find_name((tn_find)d->kind[item]) : NULL);
    json_bool(j, "out", d->out[item]);
    json_text(j, "why", why);
    json_end(j, '}');
}

/* What of the pictures is asked for. */
typedef struct wanted {
    const kept *k;
    json *j;
    bool any_side, val;
    const char *class, *find;
    int kind;
    bool out;
    int64_t after, count, found;
} wanted;

static void take(wanted *w, bool val, int64_t item, const char *why)
{
    const kept_side *d = &w->k->side[val];
    const int label = tn_dataset_item_label(d->set, item);
    if ((!w->any_side && val != w->val) || (w->out && !d->out[item]) ||
        (w->class && strcmp(w->class, tn_dataset_class_name(d->set, label)) != 0) ||
        (w->find && !strstr(tn_dataset_item_path(d->set, item), w->find)))
        return;
    if (w->found >= w->after && w->found < w->after + w->count)
        browse_tell_item(w->j, w->k, val, item, why);
    w->found++;
}

static void take_finding(wanted *w, const json_value *finding)
{
    for (const json_value *p = json_first(json_member(finding, "pictures")); p; p = json_next(p)) {
        const char *side = json_string(json_member(p, "side"));
        const bool val = side && strcmp(side, "val") == 0;
        const int64_t item = browse_find(w->k, val, json_string(json_member(p, "path")));
        if (item >= 0)
            take(w, val, item, json_string(json_member(p, "why")));
    }
}

static void take_all(wanted *w, const json_value *finding)
{
    if (finding) {
        take_finding(w, finding);
        return;
    }
    for (const json_value *f = w->kind >= 0 ? browse_finding(w->k, 0) : NULL; f; f = json_next(f))
        if (browse_kind(json_string(json_member(f, "kind"))) == w->kind)
            take_finding(w, f);
    for (int val = 0; val < 2 && w->kind < 0; val++)
        for (int64_t i = 0; w->k->side[val].set && i < tn_dataset_count(w->k->side[val].set); i++)
            take(w, val, i, NULL);
}

/* A text that is not "". */
static const char *text_of(const json_value *ask, const char *name)
{
    const char *text = json_string(json_member(ask, name));
    return text && *text ? text : NULL;
}

bool browse_items(said *s, const char *workspace, const json_value *ask)
{
    const kept *k = browse_open(s, workspace, ask);
    const char *kind = text_of(ask, "kind");
    wanted w = {.k = k, .j = &s->j, .kind = browse_kind(kind)};
    int64_t number;
    w.class = text_of(ask, "class");
    w.find = text_of(ask, "find");
    w.any_side = !text_of(ask, "side");
    (void)json_truth(json_member(ask, "out"), &w.out);
    if (!k || (!w.any_side && !browse_side(s, k, ask, &w.val)) ||
        !browse_number(s, ask, "after", 0, INT64_MAX / 2, 0, &w.after) ||
        !browse_number(s, ask, "count", 1, BROWSE_LISTED, 50, &w.count) ||
        !browse_number(s, ask, "finding", 0, INT64_MAX / 2, -1, &number))
        return false;
    if (kind && w.kind < 0)
        return browse_refuse(s, "kind", "%.40s is no kind of finding", kind);
    const json_value *finding = number >= 0 ? browse_finding(k, number) : NULL;
    if (number >= 0 && !finding)
        return browse_none(s, "finding", "there is no finding %lld", (long long)number);
    json_object(&s->j, NULL);
    json_array(&s->j, "items");
    take_all(&w, finding);
    json_end(&s->j, ']');
    json_count(&s->j, "count", w.found);
    json_end(&s->j, '}');
    return true;
}

/* ---- as a network sees it --------------------------------------------------------------------------- */

static void put_number(uint8_t *to, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(number >> 8 * i);
}

/* Rows of RGB from above become a BMP file, whose rows are BGR from below, each padded to whole words. */
static void write_bmp(said *s, const uint8_t *rgb, int side)
{
    const size_t row = ((size_t)side * 3 + 3) / 4 * 4;
    s->count = BMP_HEAD + row * (size_t)side;
    s->bytes = calloc(1, s->count);
    if (!s->bytes)
        run_fail("no memory for a picture of %d x %d", side, side);
    memcpy(s->bytes, "BM", 2);
    put_number(s->bytes + 2, (uint32_t)s->count);
    put_number(s->bytes + 10, BMP_HEAD);
    put_number(s->bytes + 14, 40);
    put_number(s->bytes + 18, (uint32_t)side);
    put_number(s->bytes + 22, (uint32_t)side);
    put_number(s->bytes + 26, 1 | 24 << 16);
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side * 3; x++)
            s->bytes[BMP_HEAD + (size_t)(side - 1 - y) * row + (size_t)x] =
                rgb[(size_t)y * (size_t)side * 3 + (size_t)(x - x % 3 + 2 - x % 3)];
    s->kind = "bmp";
}

/* A loader that makes one picture at a time, as one of training would. */
static bool open_loader(said *s, kept_side *d, int size, const char *augment)
{
    if (d->loader && d->loader_size == size && strcmp(d->loader_augment, augment) == 0)
        return true;
    const recipe r = {
        .batch = 1, .augment = augment, .jitter = -1, .lighting = -1, .threads = 1, .bad = "stop"};
    const network n = {.height = size, .width = size, .resize = size * 8 / 7};
    tn_loader_opts opts = recipe_loader(&r, &n);
    opts.shuffle = false; /* so that a picture's place is its number */
    opts.queue = 1;
    tn_loader_close(d->loader);
    d->loader = NULL;
    if (tn_loader_open(&d->loader, d->set, &opts) != TN_OK)
        return browse_refuse(s, NULL, "%s", tn_error());
    d->loader_size = size;
    snprintf(d->loader_augment, sizeof d->loader_augment, "%s", augment);
    return true;
}

/* The seed is the number of the epoch: what a picture is made by is a function of that and its place. */
static bool tell_seen(said *s, const kept *k, kept_side *d, bool val, int64_t item,
                      const json_value *ask)
{
    const char *augment = text_of(ask, "augment");
    int64_t size, seed;
    double usual = 224;
    (void)json_number(json_member(k->about, "size"), &usual);
    if (!browse_number(s, ask, "size", 8, MOST_PIXELS, (int64_t)usual, &size) ||
        !browse_number(s, ask, "seed", 0, 1000000000, 0, &seed))
        return false;
    if (augment && !args_is_choice("none|crop|full", augment))
        return browse_refuse(s, "augment", "augment is one of none, crop, full");
    if (!open_loader(s, d, (int)size, val ? "none" : augment ? augment : "crop"))
        return false;
    tn_batch batch;
    if (tn_loader_seek(d->loader, seed, item) != TN_OK ||
        tn_loader_next(d->loader, &batch) != TN_OK || batch.count != 1)
        return browse_refuse(s, "item", "%s", tn_error());
    write_bmp(s, batch.images.data, (int)size);
    return true;
}

bool browse_image(said *s, const char *workspace, const json_value *ask)
{
    kept *k = browse_open(s, workspace, ask);
    const char *view = text_of(ask, "view");
    bool val;
    int64_t item, pixels;
    if (!k || !browse_side(s, k, ask, &val) ||
        !browse_number(s, ask, "item", 0, INT64_MAX / 2, -1, &item) ||
        !browse_number(s, ask, "pixels", 8, MOST_PIXELS, 128, &pixels))
        return false;
    kept_side *d = &k->side[val];
    if (item < 0 || item >= tn_dataset_count(d->set))
        return browse_none(s, "item", "%s has no picture %lld of %lld", k->name, (long long)item,
                           (long long)tn_dataset_count(d->set));
    if (tn_dataset_side(d->set) == 0 && tn_path_within(tn_dataset_item_path(d->set, item)) != TN_OK)
        return browse_refuse(s, "item", "%s", tn_error());
    if (view && strcmp(view, "seen") == 0)
        return tell_seen(s, k, d, val, item, ask);
    if (view && strcmp(view, "whole") != 0)
        return browse_refuse(s, "view", "view is whole or seen");
    tn_jpeg jpeg;
    if (tn_dataset_jpeg(d->set, item, &(tn_jpeg_opts){.side = (int)pixels}, &jpeg) != TN_OK)
        return browse_refuse(s, "item", "%s", tn_error());
    s->bytes = malloc(jpeg.size);
    s->count = jpeg.size;
    s->kind = "jpeg";
    if (!s->bytes)
        run_fail("no memory for a picture");
    memcpy(s->bytes, jpeg.bytes, jpeg.size);
    tn_jpeg_free(&jpeg);
    return true;
}
