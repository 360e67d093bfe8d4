/* What was done, for people and for programs. */
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "../common/json.h"
#include "build.h"

/* Lines of the text of a net that make something. */
static int nodes_of(const tn_model *m)
{
    int count = 0;
    for (const char *p = tn_model_fact(m, "tenon.graph"); p && (p = strchr(p, '\n')); p++)
        count += strncmp(p + 1, "output ", 7) != 0 && strncmp(p + 1, "input ", 6) != 0 &&
                 strncmp(p + 1, "loss ", 5) != 0 && p[1] != '\0';
    return count;
}

static void tell_passes(const build *b, FILE *to)
{
    const char *lines = tn_model_fact(b->ready, "tenon.passes");
    for (const char *p = lines; p && *p;) {
        const size_t length = strcspn(p, "\n"), name = strcspn(p, " \n");
        char pass[64];
        snprintf(pass, sizeof pass, "%.*s", (int)name, p);
        const char *what = tn_optimise_what(pass);
        fprintf(to, "  %.*s%s%s\n", (int)length, p, what ? "\n      " : "", what ? what : "");
        p += length + (p[length] == '\n');
    }
}

void build_tell(const build *b, FILE *to)
{
    fprintf(to, "%s: %.1f MB, %s, %d layers of %d\n", b->q.out, (double)b->bytes / 1e6,
            b->q.precision, nodes_of(b->ready), nodes_of(b->model));
    tell_passes(b, to);
    tn_must(tn_engine_describe(b->engine, to));
    if (b->gate.rows == 0)
        fprintf(to, "accuracy: not measured (--check)\n");
    if (b->parity.pictures > 0)
        parity_tell(&b->parity, to);
    fprintf(to, "opened in %.1f ms\n", 1000 * b->open_seconds);
    for (int i = 0; i < b->trials; i++) {
        const build_trial *t = &b->trial[i];
        fprintf(to, "%lld row%s on %s: made in %.1f ms, %.1f MB for values, %.1f MB for weights\n",
                (long long)t->rows, t->rows == 1 ? "" : "s", b->q.device, 1000 * t->seconds,
                (double)t->memory.values / 1e6, (double)t->memory.weights / 1e6);
        if (b->q.tune)
            fprintf(to, "  the fastest kernels here: %.3f ms in place of %.3f\n",
                    1000 * t->tuned[1], 1000 * t->tuned[0]);
        if (b->q.describe)
            tn_must(tn_context_describe(t->context, to));
    }
}

static void tell_ports(const build *b, json *j, bool output)
{
    json_array(j, output ? "outputs" : "inputs");
    for (int i = 0; i < tn_engine_ports(b->engine, output); i++) {
        const tn_port *p = tn_engine_port(b->engine, output, i);
        json_object(j, NULL);
        json_text(j, "name", p->name);
        json_text(j, "type", tn_dtype_name(p->dtype));
        json_array(j, "shape");
        for (int k = 0; k < p->shape.ndim; k++)
            json_count(j, NULL, k == p->rows ? -1 : p->shape.dim[k]);
        json_end(j, ']');
        json_end(j, '}');
    }
    json_end(j, ']');
}

static void tell_gate_json(const tn_gate *g, json *j)
{
    json_object(j, "accuracy");
    json_bool(j, "passed", g->passed);
    json_count(j, "images", g->rows);
    json_count(j, "top_1_before", g->top_1[0]);
    json_count(j, "top_1", g->top_1[1]);
    json_count(j, "top_5_before", g->top_k[0]);
    json_count(j, "top_5", g->top_k[1]);
    json_count(j, "agree", g->agree);
    json_count(j, "lost", g->lost);
    json_count(j, "won", g->won);
    json_real(j, "drop", g->drop);
    json_real(j, "drop_low", g->low);
    json_real(j, "drop_high", g->high);
    json_count(j, "comparisons", g->comparisons);
    json_bool(j, "tells", g->tells);
    json_count(j, "images_needed", g->rows_needed);
    json_count(j, "layers_int8", g->layers);
    json_count(j, "layers_left", g->left);
    json_end(j, '}');
}

void build_tell_json(const build *b, FILE *to)
{
    json j = {.to = to};
    json_object(&j, NULL);
    json_text(&j, "engine", b->q.out);
    json_count(&j, "bytes", (int64_t)b->bytes);
    json_count(&j, "layers", nodes_of(b->ready));
    json_count(&j, "layers_before", nodes_of(b->model));
    json_number_text(&j, "build", tn_engine_fact(b->engine, "tenon.build"));
    tell_ports(b, &j, false);
    tell_ports(b, &j, true);
    if (b->gate.rows > 0)
        tell_gate_json(&b->gate, &j);
    if (b->parity.pictures > 0)
        parity_tell_json(&b->parity, &j);
    json_real(&j, "open_seconds", b->open_seconds);
    json_text(&j, "device", b->q.device);
    json_array(&j, "contexts");
    for (int i = 0; i < b->trials; i++) {
        const build_trial *t = &b->trial[i];
        json_object(&j, NULL);
        json_count(&j, "rows", t->rows);
        json_real(&j, "seconds", t->seconds);
        if (b->q.tune) {
            json_real(&j, "run_seconds_by_rules", t->tuned[0]);
            json_real(&j, "run_seconds", t->tuned[1]);
        }
        json_count(&j, "values_bytes", (int64_t)t->memory.values);
        json_count(&j, "weights_bytes", (int64_t)t->memory.weights);
        json_end(&j, '}');
    }
    json_end(&j, ']');
    json_end(&j, '}');
}

void build_tell_refused(const build *b, FILE *to)
{
    json j = {.to = to};
    json_object(&j, NULL);
    json_null(&j, "engine");
    if (b->gate.rows > 0)
        tell_gate_json(&b->gate, &j);
    if (b->parity.pictures > 0)
        parity_tell_json(&b->parity, &j);
    json_end(&j, '}');
}
