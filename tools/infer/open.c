/* An engine, a context, and room for what goes in and comes out. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "../common/progress.h"
#include "infer.h"

/* ---- room ------------------------------------------------------------------------------------- */

static int make_side(tn_tensor *to, int *rows, const session *s, const tn_context *c, bool output)
{
    const tn_port *p;
    int count = 0;
    if (tn_engine_ports(s->engine, output) > INFER_PORTS)
        args_fail("%s: has %d %s; at most %d", s->path, tn_engine_ports(s->engine, output),
                  output ? "outputs" : "inputs", INFER_PORTS);
    for (; (p = tn_context_port(c, output, count)); count++) {
        size_t bytes;
        tn_must(tn_shape_bytes(&p->shape, p->dtype, &bytes));
        to[count] = (tn_tensor){p->dtype, p->shape, calloc(bytes, 1)};
        rows[count] = p->rows;
        if (!to[count].data)
            run_fail("no memory for %zu bytes of %s", bytes, p->name);
    }
    return count;
}

void ports_make(ports *p, const session *s, const tn_context *c)
{
    p->num_in = make_side(p->in, p->rows_of_in, s, c, false);
    p->num_out = make_side(p->out, p->rows_of_out, s, c, true);
}

void ports_free(ports *p)
{
    for (int i = 0; i < p->num_in; i++)
        free(p->in[i].data);
    for (int i = 0; i < p->num_out; i++)
        free(p->out[i].data);
}

tn_status ports_run(ports *p, tn_context *c, int64_t rows)
{
    for (int i = 0; i < p->num_in; i++)
        if (p->rows_of_in[i] >= 0)
            p->in[i].shape.dim[p->rows_of_in[i]] = rows;
    for (int i = 0; i < p->num_out; i++)
        if (p->rows_of_out[i] >= 0)
            p->out[i].shape.dim[p->rows_of_out[i]] = rows;
    return tn_context_run(c, rows, p->in, p->out);
}

tn_status ports_picture(ports *p, const session *s, const char *path, int64_t row)
{
    tn_tensor one = p->in[0];
    size_t bytes;
    if (p->num_in != 1 || one.shape.ndim != 4)
        return tn_fail(TN_ERR_ARGUMENT, "%s: does not take one picture a row", s->path);
    one.shape.dim[0] = 1;
    tn_must(tn_shape_bytes(&one.shape, one.dtype, &bytes));
    one.data = (char *)one.data + (size_t)row * bytes;
    return tn_engine_picture(s->engine, path, one);
}

/* ---- the engine ------------------------------------------------------------------------------- */

static void find_classes(session *s)
{
    const tn_port *p = tn_engine_port(s->engine, true, 0);
    const int known = tn_engine_num_classes(s->engine);
    s->shares = strcmp(p->op, "softmax") == 0 || strcmp(p->op, "sigmoid") == 0;
    s->classes = p->rows == 0 && p->dtype == TN_F32 && p->shape.ndim > 1 ? 1 : 0;
    for (int i = 1; i < p->shape.ndim; i++)
        s->classes *= i == 1 || p->shape.dim[i] == 1 ? p->shape.dim[i] : 0;
    if (known != 0 && known != s->classes)
        args_fail("%s: names %d classes, but its output %s has %lld a row", s->path, known, p->name,
                  (long long)s->classes);
}

void infer_open(session *s, const infer_question *q, const char *path)
{
    s->q = *q;
    double start = seconds();
    infer_find(s, path);
    s->open_seconds = seconds() - start;
    start = seconds();
    if (tn_context_create(&s->context, s->engine,
                          &(tn_context_opts){.rows = q->rows,
                                             .threads = (int)q->threads,
                                             .device = q->device,
                                             .precision = q->precision}) != TN_OK)
        args_fail("%s", tn_error());
    s->make_seconds = seconds() - start;
    ports_make(&s->ports, s, s->context);
    find_classes(s);
}

void infer_close(session *s)
{
    for (int64_t i = 0; i < s->files; i++)
        free(s->file[i]);
    free(s->file);
    free(s->no_picture);
    ports_free(&s->ports);
    tn_context_destroy(s->context);
    tn_engine_close(s->engine);
}

const char *infer_class(const session *s, int64_t index)
{
    static char text[32];
    const char *name = index <= INT_MAX ? tn_engine_class(s->engine, (int)index) : NULL;
    snprintf(text, sizeof text, "class %lld", (long long)index);
    return name ? name : text;
}
