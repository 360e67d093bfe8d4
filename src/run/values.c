/*
 * values: set by the program, and read by it. Nothing here allocates, but for reading those whose layout on a
 * device with memory of its own is not canonical.
 */
#include "plan/plan_io.h"
#include "run/run.h"

tn_status tn_plan_find_value(tn_plan *p, tn_value v, tn_plan_value **out)
{
    tn_shape shape;
    TN_TRY(tn_plan_check_runnable(p));
    TN_TRY(tn_value_shape(p->graph, v, &shape));
    TN_TRY(tn_plan_settle(p));
    *out = tn_plan_value_of(p, v.id);
    return TN_OK;
}

tn_status tn_plan_find_input(tn_plan *p, tn_value input, tn_plan_value **out)
{
    TN_TRY(tn_plan_find_value(p, input, out));
    if ((*out)->source)
        return tn_fail(TN_ERR_ARGUMENT, "%s is a %s; only inputs can be set", (*out)->name,
                       (*out)->source->spec ? "parameter, for tn_plan_param_set()" : "constant");
    if ((*out)->producer < 0)
        return tn_fail(TN_ERR_ARGUMENT, "%s: this plan computes nothing from it", (*out)->name);
    if (!(*out)->input)
        return tn_fail(TN_ERR_ARGUMENT, "%s is computed; only inputs can be set", (*out)->name);
    return TN_OK;
}

tn_status tn_single_set(tn_plan *p, tn_value input, tn_tensor host)
{
    tn_plan_value *v;
    int span;
    TN_TRY(tn_plan_find_input(p, input, &v));
    TN_TRY(tn_plan_check_tensor(v->name, &v->shape, v->dtype, &host));
    tn_plan_count_rows(p, v, host.data);
    TN_TRY(tn_plan_trace_ready(p));
    TN_TRY(tn_plan_trace_span(p, TN_LANE_COPIES, "copy", v->name, v->bytes, &span));
    if (v->inlet)
        TN_TRY(tn_plan_backend(p)->inlet_push(v->inlet, host.data));
    else
        TN_TRY(
            tn_plan_upload(p, &v->shape, v->dtype, NULL, tn_plan_address(p, v->buffer), host.data));
    v->set = true;
    return tn_plan_trace_end(p, span);
}

tn_status tn_single_set_rows(tn_plan *p, int64_t rows)
{
    TN_TRY(tn_plan_check_runnable(p));
    TN_TRY(tn_plan_check_rows(p, rows, p->run.batch));
    TN_TRY(tn_plan_settle(p));
    tn_plan_tell_rows(p, rows);
    return TN_OK;
}

tn_status tn_plan_find_kept(tn_plan *p, tn_value value, tn_plan_value **out)
{
    TN_TRY(tn_plan_find_value(p, value, out));
    if ((*out)->buffer != TN_NO_BUFFER && ((*out)->kept || (*out)->input))
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT, "the output of %s is not kept: name it in tn_plan_opts.keep",
                   (*out)->name);
}

tn_status tn_single_get(tn_plan *p, tn_value value, tn_tensor host)
{
    tn_plan_value *v;
    TN_TRY(tn_plan_find_kept(p, value, &v));
    TN_TRY(tn_plan_check_tensor(v->name, &v->shape, v->dtype, &host));
    TN_TRY(tn_plan_trace_tell(p));
    const void *from = tn_plan_address(p, v->buffer);
    if (v->outlet)
        return tn_plan_backend(p)->reorder_run(v->outlet, host.data, from);
    return tn_plan_download(p, &v->shape, v->dtype, v->layout, host.data, from);
}

static const char *why_none(const tn_plan *p, const tn_plan_value *v)
{
    if (v->dtype != TN_F32)
        return "it is not f32";
    if (v->source)
        return "that of a parameter is read by tn_plan_param_get()";
    if (v->input && !p->opts.input_gradients)
        return "that needs tn_plan_opts.input_gradients";
    if (!tn_plan_keeps_gradient(p, v))
        return "it must be in tn_plan_opts.keep, with keep_gradients";
    return v->wants_gradient ? "it is a view of a parameter" : "the loss does not depend on it";
}

tn_status tn_plan_find_gradient(tn_plan *p, tn_value value, tn_plan_value **out)
{
    TN_TRY(tn_plan_find_value(p, value, out));
    const tn_plan_value *v = *out;
    if (v->gradient != TN_NO_BUFFER && tn_plan_keeps_gradient(p, v))
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT, "%s has no gradient to read: %s", v->name, why_none(p, v));
}

tn_status tn_single_get_gradient(tn_plan *p, tn_value value, tn_tensor host)
{
    tn_plan_value *v;
    TN_TRY(tn_plan_find_gradient(p, value, &v));
    TN_TRY(tn_plan_check_tensor(v->name, &v->shape, v->dtype, &host));
    TN_TRY(tn_plan_download(p, &v->shape, v->dtype, v->layout, host.data,
                            tn_plan_address(p, v->gradient)));
    return tn_plan_unscale(p, &v->shape, host.data);
}

static tn_status fill_one(tn_plan *p, const tn_plan_value *v)
{
    const int64_t count = tn_elements(&v->shape);
    void *host = tn_alloc((size_t)count, tn_dtype_bytes(v->dtype));
    if (!host)
        return tn_no_memory("plan", (size_t)count * tn_dtype_bytes(v->dtype));
    for (int64_t i = 0; v->dtype == TN_F32 && i < count; i++)
        ((float *)host)[i] = (float)(i % 61 - 30) / 32 + 0.01F;
    const tn_value handle = tn_graph_value(p->graph, v->name);
    const tn_status status = tn_single_set(p, handle, (tn_tensor){v->dtype, v->shape, host});
    tn_free(host);
    return status;
}

static tn_status fill(tn_plan *p, void *unused)
{
    (void)unused;
    for (size_t i = 0; i < p->num_values; i++)
        if (p->value[i].input && p->value[i].producer >= 0)
            TN_TRY(fill_one(p, &p->value[i]));
    return TN_OK;
}

tn_status tn_plan_fill(tn_plan *p)
{
    return p->kind->do_first(p, fill, NULL, 0);
}
