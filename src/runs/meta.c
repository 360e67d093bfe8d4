/* What a checkpoint says of its run, written and read. See checkpoints.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "runs/checkpoints.h"

enum { OWN = 10 };
static const char kept_prefix[] = "run.kept.";

/* ---- writing ---------------------------------------------------------------------------------- */

void tn_run_meta_free(tn_run_meta *m)
{
    for (int i = 0; i < m->own && m->meta; i++) {
        tn_free((void *)(uintptr_t)m->meta[i].key);
        tn_free((void *)(uintptr_t)m->meta[i].value);
    }
    tn_free(m->meta);
    *m = (tn_run_meta){0};
}

/* A key and its value, which is given away. */
static tn_status add(tn_run_meta *m, const char *key, const char *name, char *value)
{
    char *whole = tn_format("%s%s", key, name);
    m->meta[m->own++] = (tn_meta){whole, value};
    return whole && value ? TN_OK : tn_no_memory(key, 64);
}

static char *tally_text(const tn_tally *t)
{
    enum { NUMBER = 32 };
    char text[NUMBER * (3 + TN_EXACT_PARTS)];
    int used = snprintf(text, sizeof text, "%lld %lld %lld", (long long)t->images,
                        (long long)t->top_1, (long long)t->top_k);
    for (int i = 0; i < t->loss.count; i++)
        used += tn_print(text + used, sizeof text - (size_t)used, " %.17g", t->loss.part[i]);
    return tn_copy_text(text);
}

static char *guard_text(const tn_run_guarding *w)
{
    const tn_run_half *a = &w->stuck.half[0], *b = &w->stuck.half[1];
    return tn_format("%.17g %d %d %d %lld %.17g %.17g %lld %.17g %.17g", w->rate, w->backs,
                     w->skips, w->guilty, (long long)a->count, a->sum, a->squares,
                     (long long)b->count, b->sum, b->squares);
}

static char *numbers_text(const tn_run *run)
{
    enum { LINE = 96 };
    char *text = tn_alloc(TN_RUN_MAX_NUMBERS * LINE + 1, 1);
    size_t used = 0;
    for (int i = 0; i < run->num_numbers && text; i++)
        used += (size_t)tn_print(text + used, LINE, "%.17g %s\n", run->number[i].value,
                                 run->number[i].name);
    return text;
}

static char *kept_names(const tn_run *run)
{
    size_t bytes = 1;
    for (size_t i = 0; i < run->num_kept; i++)
        bytes += strlen(run->kept[i].name) + 1;
    char *text = tn_alloc(bytes, 1);
    for (size_t i = 0, used = 0; i < run->num_kept && text; i++)
        used += (size_t)snprintf(text + used, bytes - used, "%s\n", run->kept[i].name);
    return text;
}

static tn_status add_own(const tn_run *run, tn_run_meta *m)
{
    const tn_run_set *s = &run->now.set;
    TN_TRY(add(m, "run.position", "",
               tn_format("%lld %lld", (long long)run->epoch, (long long)run->index)));
    TN_TRY(add(m, "run.train", "", tally_text(&run->train)));
    TN_TRY(add(m, "run.window", "", tally_text(&run->window)));
    TN_TRY(add(
        m, "run.counting", "",
        tn_format("%d %lld %lld", (int)run->counting, (long long)run->rows, (long long)run->runs)));
    TN_TRY(add(m, "run.best", "",
               tn_format("%.17g %lld %lld", run->best.value, (long long)run->best.epoch,
                         (long long)run->best.step)));
    TN_TRY(
        add(m, "run.set", "",
            tn_format("%.17g %lld %lld %d %lld %.9g %.9g %.9g", s->rate_scale, (long long)s->epochs,
                      (long long)s->patience, s->keep, (long long)s->log_every, (double)s->momentum,
                      (double)s->decay, (double)s->clip)));
    TN_TRY(add(m, "run.said", "",
               tn_format("%d %lld", run->opts.set.keep, (long long)run->opts.set.log_every)));
    TN_TRY(add(m, "run.guard", "", guard_text(&run->guard)));
    TN_TRY(add(m, "run.numbers", "", numbers_text(run)));
    TN_TRY(add(m, "run.kept", "", kept_names(run)));
    for (size_t i = 0; i < run->num_kept; i++)
        TN_TRY(add(m, kept_prefix, run->kept[i].name, tn_copy_text(run->kept[i].text)));
    return TN_OK;
}

tn_status tn_run_meta_write(const tn_run *run, tn_run_meta *out)
{
    const size_t most = OWN + run->num_kept + (size_t)run->opts.num_meta;
    *out = (tn_run_meta){.meta = tn_alloc(most, sizeof *out->meta)};
    if (!out->meta)
        return tn_no_memory("checkpoint", most * sizeof *out->meta);
    const tn_status status = add_own(run, out);
    if (status != TN_OK) {
        tn_run_meta_free(out);
        return status;
    }
    if (run->opts.num_meta)
        memcpy(out->meta + out->own, run->opts.meta,
               (size_t)run->opts.num_meta * sizeof *out->meta);
    out->count = out->own + run->opts.num_meta;
    return TN_OK;
}

/* ---- reading ---------------------------------------------------------------------------------- */

/* Numbers with blanks between them, read from left to right. */
typedef struct numbers {
    const char *key, *text, *at;
    bool wrong;
} numbers;

static int64_t next_count(numbers *n, int64_t least)
{
    char *end;
    errno = 0;
    const long long number = strtoll(n->at, &end, 10);
    n->wrong |= errno || end == n->at || (*end && *end != ' ') || number < least;
    n->at = end;
    return number;
}

static double next_real(numbers *n)
{
    char *end;
    const double number = tn_parse(n->at, &end);
    n->wrong |= end == n->at || (*end && *end != ' ');
    n->at = end;
    return number;
}

static numbers begin(const tn_checkpoint_info *info, const char *key)
{
    const char *text = tn_checkpoint_info_get(info, key);
    return (numbers){.key = key, .text = text, .at = text ? text : "", .wrong = !text};
}

static tn_status end(const numbers *n, const char *path)
{
    if (!n->wrong && !*n->at)
        return TN_OK;
    return tn_fail(TN_ERR_FORMAT, "%s: its %s is %s%s%s", path, n->key, n->text ? "\"" : "missing",
                   n->text ? n->text : "", n->text ? "\"" : "");
}

static tn_status read_tally(tn_tally *t, const tn_checkpoint_info *info, const char *key,
                            const char *path)
{
    numbers n = begin(info, key);
    *t = (tn_tally){0};
    t->images = next_count(&n, 0);
    t->top_1 = next_count(&n, 0);
    t->top_k = next_count(&n, 0);
    while (!n.wrong && *n.at && t->loss.count < TN_EXACT_PARTS)
        t->loss.part[t->loss.count++] = next_real(&n);
    return end(&n, path);
}

static tn_status read_set(tn_run_set *s, const tn_checkpoint_info *info, const char *path)
{
    numbers n = begin(info, "run.set");
    s->rate_scale = next_real(&n);
    s->epochs = next_count(&n, 0);
    s->patience = next_count(&n, 0);
    s->keep = (int)next_count(&n, 1);
    s->log_every = next_count(&n, 1);
    s->momentum = (float)next_real(&n);
    s->decay = (float)next_real(&n);
    s->clip = (float)next_real(&n);
    return end(&n, path);
}

static tn_status read_guard(tn_run_guarding *w, const tn_checkpoint_info *info, const char *path)
{
    numbers n = begin(info, "run.guard");
    w->rate = next_real(&n);
    w->backs = (int)next_count(&n, 0);
    w->skips = (int)next_count(&n, 0);
    w->guilty = (int)next_count(&n, 0);
    for (int i = 0; i < 2; i++) {
        tn_run_half *h = &w->stuck.half[i];
        h->count = next_count(&n, 0);
        h->sum = next_real(&n);
        h->squares = next_real(&n);
    }
    return end(&n, path);
}

static tn_status read_said(tn_run *run, const tn_checkpoint_info *info, const char *path)
{
    numbers n = begin(info, "run.said");
    const tn_run_set *now = &run->opts.set;
    if (next_count(&n, 1) != now->keep)
        run->now.set.keep = now->keep;
    if (next_count(&n, 1) != now->log_every)
        run->now.set.log_every = now->log_every;
    return end(&n, path);
}

static tn_status read_numbers(tn_run *run, const tn_checkpoint_info *info, const char *path)
{
    const char *text = tn_checkpoint_info_get(info, "run.numbers");
    run->num_numbers = 0;
    for (const char *p = text; p && *p && run->num_numbers < TN_RUN_MAX_NUMBERS;) {
        tn_run_number *number = &run->number[run->num_numbers++];
        char *at;
        number->value = tn_parse(p, &at);
        const size_t length = strcspn(at, "\n");
        if (at == p || *at != ' ' || length < 2 || length > sizeof number->name || !at[length])
            return tn_fail(TN_ERR_FORMAT, "%s: its run.numbers is \"%s\"", path, text);
        snprintf(number->name, sizeof number->name, "%.*s", (int)length - 1, at + 1);
        p = at + length + 1;
    }
    return text ? TN_OK : tn_fail(TN_ERR_FORMAT, "%s: its run.numbers is missing", path);
}

static tn_status read_kept(tn_run *run, const tn_checkpoint_info *info, const char *path)
{
    const char *names = tn_checkpoint_info_get(info, "run.kept");
    while (run->num_kept > 0)
        TN_TRY(tn_run_keep(run, run->kept[run->num_kept - 1].name, NULL));
    for (const char *p = names; p && *p;) {
        const int length = (int)strcspn(p, "\n");
        char *key = tn_format("%s%.*s", kept_prefix, length, p);
        const char *text = key ? tn_checkpoint_info_get(info, key) : NULL;
        tn_status status = text  ? tn_run_keep(run, key + sizeof kept_prefix - 1, text)
                           : key ? tn_fail(TN_ERR_FORMAT, "%s: its %s is missing", path, key)
                                 : tn_no_memory("checkpoint", sizeof kept_prefix);
        tn_free(key);
        TN_TRY(status);
        p += length + (p[length] == '\n');
    }
    return names ? TN_OK : tn_fail(TN_ERR_FORMAT, "%s: its run.kept is missing", path);
}

tn_status tn_run_meta_read(tn_run *run, const tn_checkpoint_info *info, const char *path)
{
    numbers n = begin(info, "run.position");
    run->epoch = next_count(&n, 0);
    run->index = next_count(&n, 0);
    TN_TRY(end(&n, path));
    TN_TRY(read_tally(&run->train, info, "run.train", path));
    TN_TRY(read_tally(&run->window, info, "run.window", path));
    n = begin(info, "run.counting");
    run->counting = next_count(&n, 0) == TN_COUNT_TRAIN ? TN_COUNT_TRAIN : TN_COUNT_NOTHING;
    run->rows = next_count(&n, 0);
    run->runs = next_count(&n, 0);
    TN_TRY(end(&n, path));
    n = begin(info, "run.best");
    run->best.value = next_real(&n);
    run->best.epoch = next_count(&n, 0);
    run->best.step = next_count(&n, 0);
    TN_TRY(end(&n, path));
    TN_TRY(read_set(&run->now.set, info, path));
    TN_TRY(read_guard(&run->guard, info, path));
    TN_TRY(read_said(run, info, path));
    TN_TRY(read_numbers(run, info, path));
    return read_kept(run, info, path);
}
