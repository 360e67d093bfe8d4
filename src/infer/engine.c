/*
 * engine: opened, asked and closed.
 */
#include "infer/engine.h"

#include <stdio.h>
#include <string.h>

#include <tenon/sys/op.h>

#include "plan/plan_io.h"

/* ---- opening ---------------------------------------------------------------------------------- */

static tn_status create(tn_engine **out, const char *name)
{
    tn_engine *e = tn_alloc(1, sizeof *e);
    char *copy = e ? tn_copy_text(name) : NULL;
    if (!copy) {
        tn_free(e);
        return tn_no_memory("engine", sizeof *e);
    }
    e->name = copy;
    *out = e;
    return TN_OK;
}

/* How a picture becomes an input, if one is. */
static tn_status find_picture(tn_engine *e)
{
    tn_error_kept kept;
    tn_error_keep(&kept);
    const tn_status status = tn_model_picture(e->model, &e->picture);
    e->takes_pictures = status == TN_OK;
    if (status != TN_ERR_ARGUMENT)
        return status;
    tn_error_put_back(&kept);
    return TN_OK;
}

/* What no output needs may be there in any form. */
static tn_status lend_weights(tn_engine *e)
{
    const tn_numbers *n = &e->model->numbers;
    const char *name;
    TN_TRY(tn_weights_create(&e->weights));
    for (size_t i = 0; (name = n->name(n, i)); i++) {
        tn_shape shape;
        const tn_stored stored = n->at(n, i);
        (void)n->find(n, name, &shape);
        if (stored.at)
            TN_TRY(tn_weights_lend(e->weights, name, &shape, &stored));
    }
    return TN_OK;
}

static tn_status fill(tn_engine *e, const void *bytes, size_t size, bool unchecked_data)
{
    TN_TRY(tn_engine_read(&e->model, e->name, bytes, size, unchecked_data));
    TN_TRY(tn_model_check_stored(e->model));
    TN_TRY(tn_engine_check_params(e->model));
    TN_TRY(tn_engine_find_ports(&e->ports, e->model->graph));
    if (e->ports.count[true] == 0)
        return tn_fail(TN_ERR_FORMAT, "%s: its net has no output", e->name);
    TN_TRY(find_picture(e));
    return lend_weights(e);
}

static tn_status fill_copy(tn_engine *e, const void *bytes, size_t size, bool unchecked_data)
{
    e->copy = tn_alloc_aligned(size + 1);
    if (!e->copy)
        return tn_no_memory("engine", size);
    memcpy(e->copy, bytes, size);
    tn_unmap(&e->map);
    return fill(e, e->copy, size, unchecked_data);
}

static tn_status open_file(tn_engine *e, const tn_engine_opts *o)
{
    TN_TRY(tn_map(&e->map, e->name));
    return (o->copy ? fill_copy : fill)(e, e->map.at, e->map.size, o->unchecked_data);
}

tn_status tn_engine_open(tn_engine **out, const char *path, const tn_engine_opts *opts)
{
    const tn_engine_opts none = {0};
    tn_engine *e = NULL;
    TN_NEED(out, "out");
    TN_NEED(path, "path");
    TN_TRY(create(&e, path));
    const tn_status status = open_file(e, opts ? opts : &none);
    if (status != TN_OK) {
        tn_engine_close(e);
        return status;
    }
    *out = e;
    return TN_OK;
}

tn_status tn_engine_open_memory(tn_engine **out, const char *name, const void *bytes, size_t size,
                                const tn_engine_opts *opts)
{
    tn_engine *e = NULL;
    TN_NEED(out, "out");
    TN_NEED(name, "name");
    TN_NEED(bytes, "bytes");
    TN_TRY(create(&e, name));
    const bool aligned = (uintptr_t)bytes % TN_ENGINE_ALIGNMENT == 0;
    const tn_status status =
        (aligned ? fill : fill_copy)(e, bytes, size, opts && opts->unchecked_data);
    if (status != TN_OK) {
        tn_engine_close(e);
        return status;
    }
    *out = e;
    return TN_OK;
}

void tn_engine_close(tn_engine *e)
{
    if (!e)
        return;
    tn_weights_destroy(e->weights);
    tn_engine_free_ports(&e->ports);
    tn_model_close(e->model);
    tn_free(e->copy);
    tn_unmap(&e->map);
    tn_free(e->name);
    tn_free(e);
}

/* ---- asking ----------------------------------------------------------------------------------- */

int tn_engine_ports(const tn_engine *e, bool output)
{
    return e ? e->ports.count[output] : 0;
}

const tn_port *tn_engine_port(const tn_engine *e, bool output, int index)
{
    const bool there = e && index >= 0 && index < e->ports.count[output];
    return there ? &e->ports.port[output][index].port : NULL;
}

const char *tn_engine_fact(const tn_engine *e, const char *key)
{
    return e ? tn_model_fact(e->model, key) : NULL;
}

int tn_engine_num_classes(const tn_engine *e)
{
    return e ? tn_model_num_classes(e->model) : 0;
}

const char *tn_engine_class(const tn_engine *e, int index)
{
    return e ? tn_model_class(e->model, index) : NULL;
}

static void describe_ports(const tn_engine *e, bool output, FILE *to)
{
    for (int i = 0; i < e->ports.count[output]; i++) {
        const tn_port *p = &e->ports.port[output][i].port;
        fprintf(to, "%s %s: %s", output ? "output" : "input", p->name, tn_dtype_name(p->dtype));
        for (int j = 0; j < p->shape.ndim; j++)
            if (j == p->rows)
                fprintf(to, "%sN", j ? " x " : " ");
            else
                fprintf(to, "%s%lld", j ? " x " : " ", (long long)p->shape.dim[j]);
        fputc('\n', to);
    }
}

/* A fact, if the file says it: in one line, or a line each. */
static void describe_fact(const tn_engine *e, const char *key, const char *what, FILE *to)
{
    const char *text = tn_model_fact(e->model, key);
    const bool lines = text && strchr(text, '\n');
    if (!text)
        return;
    fprintf(to, "%s:%s", what, lines ? "\n" : " ");
    do {
        char line[4096], shown[4096];
        const size_t length = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)length, text);
        tn_show(shown, sizeof shown, line);
        fprintf(to, "%s%s\n", lines ? "  " : "", shown);
        text += length;
    } while (*text++);
}

tn_status tn_engine_describe(const tn_engine *e, FILE *to)
{
    TN_NEED(e, "engine");
    TN_NEED(to, "to");
    size_t count = 0;
    tn_shape shape;
    for (int i = 0; tn_model_tensor(e->model, i, &shape); i++)
        count += (size_t)tn_elements(&shape);
    describe_ports(e, false, to);
    describe_ports(e, true, to);
    fprintf(to, "parameters: %zu\n", count);
    if (tn_engine_num_classes(e) > 0)
        fprintf(to, "classes: %d\n", tn_engine_num_classes(e));
    describe_fact(e, "tenon.fit", "picture", to);
    describe_fact(e, "tenon.source", "source", to);
    describe_fact(e, "tenon.version", "built by Tenon", to);
    describe_fact(e, "tenon.build", "build", to);
    tn_engine_tell_kernels(e, to);
    describe_fact(e, "tenon.report", "report", to);
    return ferror(to) ? tn_fail(TN_ERR_IO, "%s: its description could not be written", e->name)
                      : TN_OK;
}

/* ---- pictures --------------------------------------------------------------------------------- */

/* Of a picture of another size than the net's own, as much is cut off in proportion. */
static void fit_to(const tn_engine *e, tn_picture *p, int64_t height, int64_t width)
{
    const tn_fit_opts own = e->picture.fit;
    const int64_t side = own.height > own.width ? own.height : own.width;
    const int64_t asked = height > width ? height : width;
    *p = e->picture;
    p->fit.height = (int)height;
    p->fit.width = (int)width;
    if (own.resize > 0)
        p->fit.resize = (int)(own.resize * asked / side);
}

static tn_status check_row(const tn_engine *e, const tn_tensor *row, tn_shape *image)
{
    *image = row->shape;
    if (image->ndim == 4 && image->dim[0] == 1)
        *image = TN_SHAPE(image->dim[1], image->dim[2], image->dim[3]);
    if (row->dtype == TN_U8 && image->ndim == 3 && image->dim[2] == e->picture.channels &&
        image->dim[0] > 0 && image->dim[0] < UINT16_MAX && image->dim[1] > 0 &&
        image->dim[1] < UINT16_MAX)
        return TN_OK;
    return tn_fail(TN_ERR_SHAPE, "%s: a picture is u8, height x width x %d, not %s %s", e->name,
                   e->picture.channels, tn_dtype_name(row->dtype),
                   tn_shape_format(&row->shape).text);
}

tn_status tn_engine_picture(const tn_engine *e, const char *path, tn_tensor row)
{
    tn_shape image;
    tn_picture p;
    TN_NEED(e, "engine");
    TN_NEED(path, "path");
    TN_NEED(row.data, "row.data");
    if (!e->takes_pictures)
        return tn_fail(TN_ERR_ARGUMENT,
                       "%s: no input of its net is a picture, u8 of N x H x W x channels", e->name);
    TN_TRY(check_row(e, &row, &image));
    fit_to(e, &p, image.dim[0], image.dim[1]);
    const size_t pixels = (size_t)image.dim[0] * (size_t)image.dim[1];
    uint8_t *rgb = p.channels == 3 ? row.data : tn_alloc_aligned(3 * pixels);
    if (!rgb)
        return tn_no_memory("a picture", 3 * pixels);
    tn_status status = tn_image_load(path, &p.fit, rgb);
    if (status == TN_OK)
        status = tn_picture_pixels(&p, rgb, (int64_t)pixels, row.data);
    if (rgb != row.data)
        tn_free(rgb);
    return status;
}
