/*
 * describe: the plan as a table for a terminal, or as a drawing for Graphviz.
 */
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "plan/plan.h"

static void op_name(const tn_plan_node *pn, char *text, size_t size)
{
    snprintf(text, size, "%s%s%s", pn->node.op->name, pn->also ? "+" : "",
             pn->also ? pn->also : "");
}

static void print_step(const tn_plan *p, int i, FILE *to)
{
    tn_step_info s;
    char op[48];
    if (tn_plan_step(p, i, &s) != TN_OK)
        return; /* the index is right */
    snprintf(op, sizeof op, "%s%s%s", s.op, s.fused ? "+" : "", s.fused ? s.fused : "");
    tn_fprint(to, "%4d  %-8s %-16s %-16s %-26s %-10s %-16s %-22s %10.1f %10.1f %10.2f\n", i,
              tn_pass_name(s.pass), s.node, op, s.kernel, s.x_layout, s.y_layout,
              tn_shape_format(&s.y).text, (double)(s.read + s.written) / 1024,
              (double)s.scratch / 1024, s.flops * 1e-6);
}

static double mib(size_t bytes)
{
    return (double)bytes / (1 << 20);
}

static void describe_text(const tn_plan *p, FILE *to)
{
    double forward, training;
    const tn_memory_plan m = tn_plan_memory(p);
    fprintf(to, "%4s  %-8s %-16s %-16s %-26s %-10s %-16s %-22s %10s %10s %10s\n", "step", "pass",
            "node", "op", "kernel", "x layout", "y layout", "y", "KiB moved", "scratch", "MFLOP");
    for (int i = 0; i < tn_plan_num_steps(p); i++)
        print_step(p, i, to);
    for (size_t i = 0; i < p->num_nodes; i++)
        if (p->node[i]->refusals)
            fprintf(to, "passed over: %s\n", p->node[i]->refusals);
    if (p->no_layers)
        fprintf(to,
                "passed over: kernels for %s: there are no such layers, or others do their work\n",
                p->no_layers);
    fprintf(to, "computes in %s\n", tn_precision_name(p->run.precision));
    if (*p->replay_why)
        fprintf(to, "steps are not replayed: %s\n", p->replay_why);
    tn_plan_flops(p, &forward, &training);
    tn_fprint(to,
              "memory, MiB: %.1f parameters, %.1f gradients, %.1f optimizer, %.1f activations "
              "(%.1f inputs and %.1f scratch in them), %.1f kept of weights; %.1f in all\n",
              mib(m.params), mib(m.gradients), mib(m.optimizer), mib(m.activations), mib(m.inputs),
              mib(m.scratch), mib(m.kept), mib(m.total));
    tn_fprint(to, "work: %.3f GFLOP forward", forward * 1e-9);
    if (p->opts.loss.id)
        tn_fprint(to, ", %.3f GFLOP forward and backward", training * 1e-9);
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
        fprintf(to, "\\n%s\\n%s\"];\n", op, pn->kernel ? tn_plan_kernel_name(pn) : "");
        for (int j = 0; j < pn->node.num_in; j++) {
            const tn_plan_value *x = tn_plan_value_of(p, pn->node.in[j]);
            if (x->source) {
                fprintf(to, "  \"");
                print_escaped(x->name, to);
                fprintf(to, "\"");
            } else {
                fprintf(to, "  n%d", x->producer);
            }
            fprintf(to, " -> n%zu [label=\"%s\\n%s\"];\n", i, tn_shape_format(&x->shape).text,
                    x->layout ? x->layout->name : "-");
        }
    }
    fprintf(to, "}\n");
}

tn_status tn_plan_describe(const tn_plan *p, tn_describe_format format, FILE *to)
{
    TN_NEED(p, "plan");
    TN_NEED(to, "to");
    const tn_plan *first = tn_plan_first(p);
    if (format == TN_DESCRIBE_TEXT)
        describe_text(first, to);
    else if (format == TN_DESCRIBE_DOT)
        describe_dot(first, to);
    else if (format != TN_DESCRIBE_SHARES)
        return tn_fail(TN_ERR_ARGUMENT, "plan: %d is no format to describe it in", (int)format);
    if (p->kind->describe && format != TN_DESCRIBE_DOT)
        p->kind->describe(p, to);
    if (ferror(to))
        return tn_fail(TN_ERR_IO, "plan: its description could not be written");
    return TN_OK;
}
