/* Tenon's side of the comparison of engines, driven by compare.py:
 *
 *     tenon_engines build MODEL.onnx ENGINE                       imports, optimises, writes the engine
 *     tenon_engines run ENGINE ROWS THREADS INPUT OUTPUT          opens it, and runs it whenever asked to
 */
#include <string.h>

#include <tenon/tenon.h>

#include "../common/serve.h"

static int build(const char *from, const char *to)
{
    tn_model *model = NULL, *small = NULL;
    tn_must(tn_model_open(&model, from, NULL));
    tn_must(tn_model_optimise(&small, model, NULL));
    tn_must(tn_engine_save(small, to));
    const char *passes = tn_model_fact(small, "tenon.passes");
    fprintf(stderr, "%s\n", passes ? passes : "nothing to optimise");
    tn_model_close(small);
    tn_model_close(model);
    return 0;
}

typedef struct state {
    tn_context *context;
    int rows;
    tn_tensor in, out;
} state;

static tn_tensor must_make(const tn_port *port)
{
    size_t bytes = 0;
    tn_must(tn_shape_bytes(&port->shape, port->dtype, &bytes));
    tn_tensor t = {port->dtype, port->shape, malloc(bytes)};
    if (!t.data) {
        fprintf(stderr, "no memory for %zu bytes\n", bytes);
        exit(1);
    }
    return t;
}

/* The whole of a tensor from a file, or into one. */
static void must_move(const char *path, const char *mode, tn_tensor t)
{
    size_t bytes = 0, moved = 0;
    tn_must(tn_shape_bytes(&t.shape, t.dtype, &bytes));
    FILE *f = fopen(path, mode);
    if (f)
        moved = *mode == 'r' ? fread(t.data, 1, bytes, f) : fwrite(t.data, 1, bytes, f);
    if (!f || fclose(f) != 0 || moved != bytes) {
        fprintf(stderr, "%s: %zu of %zu bytes\n", path, moved, bytes);
        exit(1);
    }
}

/* MiB that the process had resident at most, so far. */
static long peak_mib(void)
{
    char line[256];
    long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %ld", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib / 1024;
}

static void step(state *s)
{
    tn_must(tn_context_run(s->context, s->rows, &s->in, &s->out));
}

static bench_lap work(void *arg, int64_t units)
{
    state *s = arg;
    const double start = bench_now();
    for (int64_t i = 0; i < units; i++)
        step(s);
    return (bench_lap){.seconds = bench_now() - start, .images = units * s->rows};
}

static int run(char **argv)
{
    tn_engine *engine = NULL;
    const int threads = bench_number("THREADS", argv[2], 1);
    char about[128];
    state s = {.rows = bench_number("ROWS", argv[1], 1)};
    const long before = peak_mib();
    const double start = bench_now();
    tn_must(tn_engine_open(&engine, argv[0], NULL));
    tn_must(tn_context_create(&s.context, engine,
                              &(tn_context_opts){.rows = s.rows, .threads = threads}));
    double opened = bench_now() - start;
    s.in = must_make(tn_context_port(s.context, false, 0));
    s.out = must_make(tn_context_port(s.context, true, 0));
    must_move(argv[3], "rb", s.in);
    const double again = bench_now();
    step(&s);
    opened += bench_now() - again;
    must_move(argv[4], "wb", s.out);
    for (int i = 0; i < 2; i++)
        step(&s);
    snprintf(about, sizeof about, "%.1f %ld Tenon %s", 1000 * opened, before, tn_version());
    bench_serve(about, work, &s);
    free(s.in.data);
    free(s.out.data);
    tn_context_destroy(s.context);
    tn_engine_close(engine);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "build") == 0)
        return build(argv[2], argv[3]);
    if (argc == 7 && strcmp(argv[1], "run") == 0)
        return run(argv + 2);
    fprintf(stderr,
            "usage: tenon_engines build MODEL ENGINE | run ENGINE ROWS THREADS INPUT OUTPUT\n");
    return 2;
}
