/*
 * param: what is known and read by a layer becomes a parameter, or a constant of the graph where it is a few numbers.
 */
#include <stdio.h>
#include <string.h>

#include "onnx/table.h"

/* Numbers that the text of a graph may have in it: of those that a parameter could be, and of integers, which none can. */
enum { FEW = 16, MOST_WHOLE = 1 << 16 };

static bool has_values(tn_onnx *o, const tn_onnx_node *n, const tn_onnx_known *k)
{
    const char *why = k->count == 0 ? "an empty tensor" : NULL;
    if (!tn_onnx_bytes(k->stored))
        why = tn_onnx_type_name(k->type);
    if (why)
        (void)tn_onnx_refuse(o, n, "it reads %s", why);
    return !why;
}

/* The parameter, of numbers that are in `data`, or else where they lie in a file. */
static tn_value make(tn_onnx *o, const char *name, tn_shape shape, float *data, bool frozen,
                     const tn_onnx_known *k)
{
    int source = 0;
    size_t offset = 0;
    const char *free_name = tn_onnx_free_name(o, name);
    const tn_value v = free_name
                           ? tn_param(o->g, free_name, shape, &(tn_param_opts){.frozen = frozen})
                           : tn_graph_refuse(o->g, tn_no_memory("a model", strlen(name)));
    if (!v.id) {
        tn_free(data);
        return v;
    }
    if (!data)
        (void)tn_onnx_lies_in_file(o, k, &source, &offset);
    const tn_status status = data ? tn_model_add(o->m, free_name, &shape, NULL, data)
                                  : tn_model_add_stored(o->m, free_name, &shape, source, offset);
    return status == TN_OK ? v : tn_graph_refuse(o->g, status);
}

/* The parameter that it already is, under that shape. */
static bool is_made(const tn_onnx_known *k, const tn_shape *shape)
{
    return k->param.id && tn_shape_equal(&k->param_shape, shape);
}

static tn_value param_of(tn_onnx *o, tn_onnx_known *k, const char *name, const tn_shape *shape)
{
    float *data = NULL;
    int source;
    size_t offset;
    if (is_made(k, shape))
        return k->param;
    const tn_status status =
        tn_onnx_lies_in_file(o, k, &source, &offset) ? TN_OK : tn_onnx_copy(o, k, &data);
    if (status != TN_OK)
        return tn_graph_refuse(o->g, status);
    k->param = make(o, k->name ? k->name : name, *shape, data, k->constant, k);
    k->param_shape = *shape;
    return k->param;
}

/* One that is computed of a parameter, as fake_quant is; the zero handle: it is none, or of another shape. */
static tn_value as_it_is(tn_onnx *o, const tn_onnx_value *v, const tn_shape *shape)
{
    tn_shape has;
    const bool computed = v->v.id && v->known->param.id && v->known->param.id != v->v.id;
    if (!computed || tn_value_shape(o->g, v->v, &has) != TN_OK || !tn_shape_equal(&has, shape))
        return (tn_value){0};
    return v->v;
}

bool tn_onnx_param(tn_onnx *o, const tn_onnx_node *n, int i, const tn_shape *shape, tn_value *out)
{
    int64_t count;
    *out = (tn_value){0};
    tn_onnx_known *k = tn_onnx_given(n, i);
    if (!k) {
        (void)tn_onnx_refuse(o, n, "its input number %d%s%s%s is not known before the model runs",
                             i, tn_onnx_has(n, i) ? ", \"" : "",
                             tn_onnx_has(n, i) ? n->in[i]->name : "",
                             tn_onnx_has(n, i) ? "\"," : "");
        return false;
    }
    if (!has_values(o, n, k))
        return false;
    if (shape && (!tn_onnx_count(shape, &count) || count != k->count)) {
        (void)tn_onnx_refuse(o, n, "its input \"%s\" is %s, not %s", n->in[i]->name,
                             tn_shape_format(&k->shape).text, tn_shape_format(shape).text);
        return false;
    }
    *out = as_it_is(o, n->in[i], shape ? shape : &k->shape);
    if (!out->id)
        *out = param_of(o, k, n->in[i]->name, shape ? shape : &k->shape);
    return true;
}

tn_status tn_onnx_charge(tn_onnx *o, const char *name, int64_t count)
{
    if (count > o->floats_left)
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "%s: \"%s\" makes %lld numbers, and %lld are left of what its files allow",
                       o->m->path, name ? name : "a constant", (long long)count,
                       (long long)o->floats_left);
    o->floats_left -= count;
    return TN_OK;
}

/* Else the graph has failed, and the numbers are no more. */
static bool is_charged(tn_onnx *o, const char *name, const tn_shape *shape, float *data)
{
    int64_t count = 0;
    (void)tn_onnx_count(shape, &count);
    const tn_status status = tn_onnx_charge(o, name, count);
    if (status == TN_OK)
        return true;
    tn_free(data);
    (void)tn_graph_refuse(o->g, status);
    return false;
}

tn_value tn_onnx_new_param(tn_onnx *o, const char *like, tn_shape shape, float *data)
{
    return is_charged(o, like, &shape, data) ? make(o, like, shape, data, false, NULL)
                                             : (tn_value){0};
}

tn_value tn_onnx_constant(tn_onnx *o, const char *name, tn_shape shape, float *data)
{
    int64_t count;
    if (!is_charged(o, name ? name : "numbers", &shape, data))
        return (tn_value){0};
    if (!tn_onnx_count(&shape, &count) || count > FEW || !name)
        return make(o, name ? name : "numbers", shape, data, true, NULL);
    const tn_value v =
        tn_constant(o->g, tn_onnx_free_name(o, name), (tn_tensor){TN_F32, shape, data});
    tn_free(data);
    return v;
}

tn_status tn_onnx_statistic(tn_onnx *o, tn_onnx_known *k, const char *node, const char *part)
{
    float *data;
    TN_TRY(tn_onnx_copy(o, k, &data));
    char *name = tn_format("%s.%s", node, part);
    if (!name) {
        tn_free(data);
        return tn_no_memory("a model", strlen(node));
    }
    const tn_status status = tn_model_add(o->m, name, &k->shape, NULL, data);
    tn_free(name);
    return status;
}

/* ---- as a value ------------------------------------------------------------------------------- */

tn_value tn_onnx_whole_constant(tn_onnx *o, const char *name, const tn_shape *shape, int64_t count,
                                const tn_onnx_number *number)
{
    int32_t *data = tn_alloc((size_t)count, sizeof *data);
    if (!data)
        return tn_graph_refuse(o->g, tn_no_memory("integers", (size_t)count * sizeof *data));
    for (int64_t i = 0; i < count; i++)
        data[i] = (int32_t)number[i].whole;
    const tn_value v =
        tn_constant(o->g, tn_onnx_free_name(o, name), (tn_tensor){TN_I32, *shape, data});
    tn_free(data);
    return v;
}

/* The batch of the graph is one number of many: what depends on it is no constant. */
static bool depends_on_batch(const tn_onnx_known *k)
{
    for (int64_t i = 0; k->number && i < (k->fill ? 1 : k->count); i++)
        if (k->number[i].times_n)
            return true;
    return false;
}

/* Integers are none that anybody trains, however many; what the graph has of them is i32. False: refused. */
static bool whole_value(tn_onnx *o, const tn_onnx_node *n, tn_onnx_known *k, const char *name,
                        tn_value *out)
{
    const tn_onnx_number *number = NULL;
    const bool read = k->count <= MOST_WHOLE && tn_onnx_numbers(o, k, &number) == TN_OK && number;
    for (int64_t i = 0; i < k->count && number; i++)
        if (number[i].whole < INT32_MIN || number[i].whole > INT32_MAX)
            number = NULL;
    if (number) {
        *out = tn_onnx_whole_constant(o, k->name ? k->name : name, &k->shape, k->count, number);
        return true;
    }
    if (read)
        (void)tn_onnx_refuse(o, n, "it computes with \"%s\", which is %s beyond those of 32 bits",
                             name, tn_onnx_type_name(k->type));
    else
        (void)tn_onnx_refuse(o, n, "it computes with \"%s\", %lld numbers of %s, more than %d",
                             name, (long long)k->count, tn_onnx_type_name(k->type), MOST_WHOLE);
    return false;
}

bool tn_onnx_as_value(tn_onnx *o, const tn_onnx_node *n, tn_onnx_known *k, const char *name,
                      tn_value *out)
{
    const tn_onnx_number *number = NULL;
    float real[FEW];
    const bool few = k->count <= FEW;
    if (!has_values(o, n, k))
        return false;
    if (few)
        (void)tn_onnx_numbers(o, k, &number);
    if (depends_on_batch(k)) {
        (void)tn_onnx_refuse(o, n, "it computes with \"%s\", which depends on the batch", name);
        return false;
    }
    if (!tn_onnx_is_real(k->type))
        return whole_value(o, n, k, name, out);
    if (!few || (!k->constant && k->count > 1)) {
        *out = param_of(o, k, name, &k->shape);
        return true;
    }
    const tn_status status = tn_onnx_read(o, k, real);
    *out = status == TN_OK ? tn_constant(o->g, tn_onnx_free_name(o, k->name ? k->name : name),
                                         (tn_tensor){TN_F32, k->shape, real})
                           : tn_graph_refuse(o->g, status);
    return true;
}
