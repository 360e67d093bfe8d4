#include "model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../tools/common/args.h"

static void *room(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);
    if (!p)
        run_fail("no memory for %zu bytes", count * size);
    return p;
}

static char *copy(const char *text, size_t length)
{
    char *c = room(length + 1, 1);
    memcpy(c, text, length);
    for (char *p = c; *p; p++)
        if (*p == '\n')
            *p = ' ';
    return c;
}

void model_make(model *m, const net *from, int classes)
{
    *m = (model){.net = from,
                 .size = from->size,
                 .resize = from->resize,
                 .input = from->input,
                 .classes = classes,
                 .name = room((size_t)classes, sizeof *m->name)};
}

void model_name(model *m, int label, const char *text)
{
    m->name[label] = copy(text, strlen(text));
}

/* ---- metadata: "net", "size", "resize", "mean", "scale", and "classes", a line each ------------ */

static const char *wanted(const tn_checkpoint_info *info, const char *path, const char *key)
{
    const char *text = tn_checkpoint_info_get(info, key);
    if (!text)
        run_fail("%s: does not say \"%s\": it was not saved by one of these programs", path, key);
    return text;
}

static int side(const tn_checkpoint_info *info, const char *path, const char *key)
{
    const char *text = wanted(info, path, key);
    char *end;
    const long number = strtol(text, &end, 10);
    if (end == text || *end || number < 1 || number > 65535)
        run_fail("%s: its %s is \"%s\", not a number of pixels", path, key, text);
    return (int)number;
}

static void channels(float to[4], const tn_checkpoint_info *info, const char *path, const char *key)
{
    const char *text = wanted(info, path, key);
    const char *p = text;
    for (int i = 0; i < 4; i++) {
        char *end;
        to[i] = strtof(p, &end);
        if (end == p || !isfinite(to[i]) || (i == 3 && *end))
            run_fail("%s: its %s is \"%s\", not four numbers", path, key, text);
        p = end;
    }
}

static void read_names(model *m, const char *text)
{
    m->classes = *text != '\0';
    for (const char *p = text; *p; p++)
        m->classes += *p == '\n';
    m->name = room((size_t)m->classes, sizeof *m->name);
    for (int i = 0; i < m->classes; i++) {
        const size_t length = strcspn(text, "\n");
        m->name[i] = copy(text, length);
        text += length + 1;
    }
}

void model_read(model *m, const tn_checkpoint_info *info, const char *path)
{
    const char *name = wanted(info, path, "net");
    *m = (model){.net = net_find(name)};
    if (!m->net)
        run_fail("%s: its network \"%s\" is none that is known here", path, name);
    m->size = side(info, path, "size");
    m->resize = side(info, path, "resize");
    if (m->resize < m->size)
        run_fail("%s: its resize, %d, is less than its size, %d", path, m->resize, m->size);
    channels(m->input.mean, info, path, "mean");
    channels(m->input.scale, info, path, "scale");
    read_names(m, wanted(info, path, "classes"));
    if (m->classes < 1)
        run_fail("%s: names no classes", path);
}

static char *join_names(const model *m)
{
    size_t bytes = 1;
    for (int i = 0; i < m->classes; i++)
        bytes += strlen(m->name[i]) + 1;
    char *text = room(bytes, 1), *p = text;
    for (int i = 0; i < m->classes; i++)
        p += sprintf(p, "%s%s", i ? "\n" : "", m->name[i]);
    return text;
}

tn_status model_save(const model *m, tn_plan *plan, const char *path, const tn_meta *more,
                     int num_more)
{
    char size[16], resize[16], mean[96], scale[96];
    const float *u = m->input.mean, *s = m->input.scale;
    snprintf(size, sizeof size, "%d", m->size);
    snprintf(resize, sizeof resize, "%d", m->resize);
    snprintf(mean, sizeof mean, "%.9g %.9g %.9g %.9g", (double)u[0], (double)u[1], (double)u[2],
             (double)u[3]);
    snprintf(scale, sizeof scale, "%.9g %.9g %.9g %.9g", (double)s[0], (double)s[1], (double)s[2],
             (double)s[3]);
    char *names = join_names(m);
    const tn_meta own[] = {{"net", m->net->name}, {"size", size},   {"resize", resize},
                           {"mean", mean},        {"scale", scale}, {"classes", names}};
    enum { OWN = sizeof own / sizeof own[0] };
    tn_meta *all = room(OWN + (size_t)num_more, sizeof *all);
    memcpy(all, own, sizeof own);
    if (num_more > 0)
        memcpy(all + OWN, more, (size_t)num_more * sizeof *more);
    const tn_status status = tn_checkpoint_save(plan, path, all, OWN + num_more);
    free(all);
    free(names);
    return status;
}

tn_value model_build(const model *m, tn_graph *g, tn_value image)
{
    return m->net->build(g, tn_image_input(g, image, &m->input), m->classes);
}

void model_free(model *m)
{
    for (int i = 0; i < m->classes; i++)
        free(m->name[i]);
    free(m->name);
    *m = (model){0};
}
