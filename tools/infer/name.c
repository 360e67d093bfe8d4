/* Pictures, named: as many at a time as the context has rows. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "../common/shares.h"
#include "infer.h"

typedef struct naming {
    session *s;
    json j;
    float *all;    /* of every picture, for numpy; NULL: not asked for */
    int64_t *file; /* of each row of the batch */
    int64_t rows;  /* of it so far */
    bool whole;    /* every picture could be read */
} naming;

static void tell_head(const session *s, json *j, const char *path, const infer_times *times)
{
    if (!s->q.json) {
        printf("%s\n", path);
        return;
    }
    json_object(j, NULL);
    json_text(j, "file", path);
    if (times) {
        json_real(j, "picture_seconds", times->picture);
        json_real(j, "seconds", times->run);
    }
    json_array(j, "classes");
}

/* Of a picture that cannot be read, in place of its classes. */
void infer_tell_error(json *j, const char *path, const char *why)
{
    json_object(j, NULL);
    json_text(j, "file", path);
    json_text(j, "error", why);
    json_end(j, '}');
}

/* The classes with the largest shares, largest first. Takes them out of x. */
void infer_tell(session *s, json *j, const char *path, float *x, const infer_times *times)
{
    if (!s->shares)
        shares_of_logits(x, s->classes);
    tell_head(s, j, path, times);
    for (int64_t i = 0; i < s->q.top && i < s->classes; i++) {
        int64_t best = 0;
        for (int64_t c = 1; c < s->classes; c++)
            best = x[c] > x[best] ? c : best;
        if (s->q.json) {
            json_object(j, NULL);
            json_count(j, "class", best);
            json_text(j, "name", infer_class(s, best));
            json_real(j, "share", (double)x[best]);
            json_end(j, '}');
        } else {
            printf("  %6.2f %%  %s\n", 100 * (double)x[best], infer_class(s, best));
        }
        x[best] = -1;
    }
    if (s->q.json) {
        json_end(j, ']');
        json_end(j, '}');
    }
}

static void run_batch(naming *n)
{
    session *s = n->s;
    if (n->rows == 0)
        return;
    if (ports_run(&s->ports, s->context, n->rows) != TN_OK)
        run_fail("%s", tn_error());
    for (int64_t i = 0; i < n->rows; i++) {
        float *x = (float *)s->ports.out[0].data + i * s->classes;
        if (n->all)
            memcpy(n->all + n->file[i] * s->classes, x, (size_t)s->classes * sizeof *x);
        infer_tell(s, &n->j, s->file[n->file[i]], x, NULL);
    }
    n->rows = 0;
}

static void add(naming *n, int64_t file)
{
    session *s = n->s;
    if (tn_path_within(s->file[file]) == TN_OK &&
        ports_picture(&s->ports, s, s->file[file], n->rows) == TN_OK) {
        n->file[n->rows++] = file;
    } else {
        char why[1024];
        snprintf(why, sizeof why, "%s", tn_error());
        run_batch(n); /* those before it are told before it */
        if (s->q.json)
            infer_tell_error(&n->j, s->file[file], why);
        fflush(stdout);
        args_warn("%s", why);
        n->whole = false;
        for (int64_t k = 0; n->all && k < s->classes; k++)
            n->all[file * s->classes + k] = NAN;
    }
    if (n->rows == s->q.rows)
        run_batch(n);
}

static void save(const naming *n)
{
    const session *s = n->s;
    if (n->all &&
        tn_npy_save(s->q.npy, (tn_tensor){TN_F32, TN_SHAPE(s->files, s->classes), n->all}) != TN_OK)
        run_fail("%s", tn_error());
}

void infer_needs_classes(const session *s)
{
    if (s->no_picture)
        args_fail("%s", s->no_picture);
    if (s->classes == 0)
        args_fail("%s: its first output, %s, is not rows x classes", s->path,
                  tn_engine_port(s->engine, true, 0)->name);
}

bool infer_name(session *s)
{
    naming n = {.s = s, .j = {.to = stdout}, .whole = true};
    if (s->files == 0)
        args_fail("pictures, a folder or a list of them, or one of --report, --bench, --profile, "
                  "--evaluate");
    infer_needs_classes(s);
    n.file = calloc((size_t)s->q.rows, sizeof *n.file);
    n.all = s->q.npy ? calloc((size_t)(s->files * s->classes), sizeof *n.all) : NULL;
    if (!n.file || (s->q.npy && !n.all))
        run_fail("no memory for what is said of %lld pictures", (long long)s->files);
    if (s->q.json)
        json_array(&n.j, NULL);
    for (int64_t i = 0; i < s->files; i++)
        add(&n, i);
    run_batch(&n);
    if (s->q.json)
        json_end(&n.j, ']');
    save(&n);
    free(n.file);
    free(n.all);
    return n.whole;
}
