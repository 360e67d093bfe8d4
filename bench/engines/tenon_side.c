/* Tenon's side of the comparison of engines, driven by compare.py:
 *
 *     tenon_engines build MODEL.onnx ENGINE                       imports, optimises, writes the engine
 *     tenon_engines quantise MODEL.onnx ENGINE PICTURES           the same in 8 bits; f32, 3 x 224 x 224 each
 *     tenon_engines run ENGINE ROWS THREADS INPUT OUTPUT          opens it, and runs it whenever asked to
 */
#include <string.h>

#include <tenon/tenon.h>

#include "../common/serve.h"

enum { PICTURE = 3 * 224 * 224 };

/* A picture is a row of the source, from the file that `arg` is. */
static tn_status fill(void *arg, const tn_fill *at)
{
    memcpy(at->row[0], (const float *)arg + at->item * PICTURE, PICTURE * sizeof(float));
    return TN_OK;
}

static float *read_pictures(const char *path, int64_t *count)
{
    FILE *f = fopen(path, "rb");
    long bytes = f && fseek(f, 0, SEEK_END) == 0 ? ftell(f) : 0;
    float *pictures = malloc((size_t)bytes + 1);
    *count = bytes / (long)(PICTURE * sizeof(float));
    if (*count == 0 || !pictures || fseek(f, 0, SEEK_SET) != 0 ||
        fread(pictures, PICTURE * sizeof(float), (size_t)*count, f) != (size_t)*count) {
        fprintf(stderr, "%s: no pictures\n", path);
        exit(1);
    }
    fclose(f);
    return pictures;
}

static void quantise(tn_model **out, const tn_model *model, const char *path)
{
    tn_device *device = NULL;
    tn_loader *loader = NULL;
    int64_t count = 0;
    float *pictures = read_pictures(path, &count);
    tn_source source = {.name = "pictures",
                        .items = count,
                        .array = {{.name = "x", .dtype = TN_F32, .row = TN_SHAPE(3, 224, 224)}},
                        .fill = fill,
                        .arg = pictures};
    tn_must(tn_device_open(&device, "cpu"));
    tn_must(tn_loader_open_source(&loader, &source, &(tn_loader_opts){.batch = 8}));
    tn_must(tn_model_quantise(out, model, device, loader, NULL));
    tn_loader_close(loader);
    tn_device_close(device);
    free(pictures);
}

static int build(const char *from, const char *to, const char *pictures)
{
    tn_model *model = NULL, *small = NULL, *whole = NULL;
    tn_must(tn_model_open(&model, from, NULL));
    tn_must(tn_model_optimise(&small, model, NULL));
    if (pictures)
        quantise(&whole, small, pictures);
    tn_must(tn_engine_save(whole ? whole : small, to));
    const char *passes = tn_model_fact(small, "tenon.passes");
    fprintf(stderr, "%s\n", passes ? passes : "nothing to optimise");
    tn_model_close(whole);
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
        return build(argv[2], argv[3], NULL);
    if (argc == 5 && strcmp(argv[1], "quantise") == 0)
        return build(argv[2], argv[3], argv[4]);
    if (argc == 7 && strcmp(argv[1], "run") == 0)
        return run(argv + 2);
    fprintf(stderr, "usage: tenon_engines build MODEL ENGINE | quantise MODEL ENGINE PICTURES | "
                    "run ENGINE ROWS THREADS INPUT OUTPUT\n");
    return 2;
}
