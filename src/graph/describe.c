/*
 * describe: the plan as a table for a terminal, or as a drawing for Graphviz.
 */
#include <stdio.h>
#include <string.h>

#include "graph/plan.h"

static double node_flops(const tn_node *n)
{
    return n->op->flops ? n->op->flops(n) : (double)tn_elements(&n->y[0]);
}

/* Each gradient asked for costs as much as the forward pass: for conv2d and dense exactly, for the others,
 * which hardly count, about. */
void tn_plan_flops(const tn_plan *p, double *forward, double *training)
{
    *forward = *training = 0;
    for (size_t i = 0; i < p->num_nodes; i++) {
        const tn_plan_node *pn = p->node[i];
        if (!pn->kernel)
            continue;
        const double one = node_flops(&pn->node);
        bool dx = false, dw = false;
        for (int j = 0; j < pn->node.num_in; j++)
            dx |= pn->bind.dx[j];
        for (int j = 0; j < pn->node.num_params; j++)
            dw |= pn->bind.dw[j];
        *forward += one;
        *training += one * (1 + dx + dw);
    }
}

static const char *layout_name(const tn_layout *layout)
{
    return layout ? layout->name : "-";
}

static const char *kernel_name(const tn_plan_node *pn)
{
    const char *text = NULL;
    if (pn->kernel->describe)
        text = pn->kernel->describe(pn->bind.state);
    if (!text)
        text = pn->kernel->name;
    return text ? text : "own";
}

static void op_name(const tn_plan_node *pn, char *text, size_t size)
{
    snprintf(text, size, "%s%s%s", pn->node.op->name, pn->node.fused ? "+" : "",
             pn->node.fused ? pn->node.fused->op->name : "");
}

static const char *const phases[] = {
    [TN_STEP_FORWARD] = "forward",
    [TN_STEP_BACKWARD] = "backward",
    [TN_STEP_ADD] = "add",
    [TN_STEP_TALLY] = "tally",
};

static void print_step(const tn_plan *p, size_t i, FILE *to)
{
    const tn_step *s = &p->step[i];
    if (!s->node) {
        fprintf(to, "%4zu  %-8s %-16s %s\n", i, phases[s->kind], s->value->name,
                s->kind == TN_STEP_ADD ? "gradients that meet" : "sum over the runs");
        return;
    }
    const tn_node *n = &s->node->node;
    char op[48];
    op_name(s->node, op, sizeof op);
    int gradients = 0;
    for (int j = 0; j < n->num_in; j++)
        gradients += s->node->bind.dx[j] ? 1 : 0;
    gradients += n->num_params > 0 && s->node->bind.dw[0] ? 1 : 0;
    const double flops = node_flops(n) * (s->kind == TN_STEP_BACKWARD ? gradients : 1);
    const tn_plan_value *y = tn_plan_value_of(p, n->out[0]);
    const size_t scratch = s->scratch == TN_NO_BUFFER ? 0 : p->buffer[s->scratch].bytes;
    fprintf(to, "%4zu  %-8s %-16s %-16s %-26s %-10s %-10s %-22s %10.1f %10.1f %10.2f\n", i,
            phases[s->kind], n->name, op, kernel_name(s->node),
            n->num_in ? layout_name(s->node->bind.x[0]) : "-", layout_name(y->layout),
            tn_shape_format(&y->shape).text, (double)y->bytes / 1024, (double)scratch / 1024,
            flops * 1e-6);
}

static double mib(size_t bytes)
{
    return (double)bytes / (1 << 20);
}

static void describe_text(const tn_plan *p, FILE *to)
{
    double forward, training;
    const tn_memory_plan m = tn_plan_memory(p);
    fprintf(to, "%4s  %-8s %-16s %-16s %-26s %-10s %-10s %-22s %10s %10s %10s\n", "step", "pass",
            "node", "op", "kernel", "x layout", "y layout", "y", "y KiB", "scratch", "MFLOP");
    for (size_t i = 0; i < p->num_steps; i++)
        print_step(p, i, to);
    fprintf(to, "computes in %s\n", tn_precision_name(p->run.precision));
    if (*p->replay_why)
        fprintf(to, "steps are not replayed: %s\n", p->replay_why);
    tn_plan_flops(p, &forward, &training);
    fprintf(to,
            "memory, MiB: %.1f parameters, %.1f gradients, %.1f optimizer, %.1f activations "
            "(%.1f inputs and %.1f scratch in them); %.1f in all\n",
            mib(m.params), mib(m.gradients), mib(m.optimizer), mib(m.activations), mib(m.inputs),
            mib(m.scratch), mib(m.total));
    fprintf(to, "work: %.3f GFLOP forward", forward * 1e-9);
    if (p->opts.loss.id)
        fprintf(to, ", %.3f GFLOP forward and backward", training * 1e-9);
    fprintf(to, "\n");
}

/* Names are the program's: a quote or a backslash in one must not end the label. */
static void print_escaped(const char *text, FILE *to)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', to);
        fputc(*text, to);
    }
}

static void describe_dot(const tn_plan *p, FILE *to)
{
    fprintf(to, "digraph plan {\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (size_t i = 0; i < p->num_nodes; i++) {
        const tn_plan_node *pn = p->node[i];
        char op[48];
        op_name(pn, op, sizeof op);
        fprintf(to, "  n%zu [label=\"", i);
        print_escaped(pn->node.name, to);
        fprintf(to, "\\n%s\\n%s\"];\n", op, pn->kernel ? kernel_name(pn) : "");
        for (int j = 0; j < pn->node.num_in; j++) {
            const tn_plan_value *x = tn_plan_value_of(p, pn->node.in[j]);
            fprintf(to, "  n%d -> n%zu [label=\"%s\\n%s\"];\n", x->producer, i,
                    tn_shape_format(&x->shape).text, layout_name(x->layout));
        }
    }
    fprintf(to, "}\n");
}

tn_status tn_plan_describe(const tn_plan *p, tn_describe_format format, FILE *to)
{
    if (format == TN_DESCRIBE_TEXT)
        describe_text(p, to);
    else if (format == TN_DESCRIBE_DOT)
        describe_dot(p, to);
    else
        return tn_fail(TN_ERR_ARGUMENT, "plan: %d is no format to describe it in", (int)format);
    if (ferror(to))
        return tn_fail(TN_ERR_IO, "plan: its description could not be written");
    return TN_OK;
}
