/*
 * tenon model convert: a model of any kind as one file that needs nothing of where it came from.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/parity.h"
#include "../common/whole.h"
#include "../common/workspace.h"
#include "../train/opening.h"
#include "model.h"

static struct {
    const char *classes, *parity, *workspace;
    bool force, average, float_input, json;
    int64_t size, resize;
    opening opening;
} flags;

static const arg options[] = {
    {ARG_TEXT, "classes", "FILE", "a text with the name of a class a line; default: not said",
     &flags.classes, 0, 0},
    {ARG_INT, "resize", "PIXELS",
     "what a picture's short side is scaled to before the middle is\ncut out; default: as the file "
     "says",
     &flags.resize, 1, 8192},
    {ARG_FLAG, "average", NULL, "of a checkpoint that keeps averages: these", &flags.average, 0, 0},
    {ARG_FLAG, "float-input", NULL,
     "of ONNX: pictures as floats, which the program prepares;\ndefault: as bytes, prepared by the "
     "model",
     &flags.float_input, 0, 0},
    {ARG_TEXT, "parity", "DATA",
     "pictures: how far what was written is from the model, and how many\nlabels are equal",
     &flags.parity, 0, 0},
    {ARG_FLAG, "json", NULL, "tell what was written as JSON", &flags.json, 0, 0},
    {ARG_FLAG, "force", NULL, "write a file anew that is there", &flags.force, 0, 0},
    ARG_WORKSPACE(&flags.workspace),
    {ARG_INT, "size", "PIXELS",
     "side of the pictures, where the file leaves it open; default: not said", &flags.size, 1,
     4096},
    OPENING_ARGS(&flags.opening),
};

static bool ends_in(const char *path, const char *end)
{
    const char *dot = strrchr(path, '.');
    return dot && strcmp(dot, end) == 0;
}

/* The text of a file, for free(). */
static char *read_text(const char *path)
{
    enum { MOST = 1 << 20 };
    FILE *f = fopen(path, "rb");
    char *text = f ? calloc(MOST, 1) : NULL;
    const size_t bytes = text ? fread(text, 1, MOST, f) : 0;
    if (f)
        (void)fclose(f); /* read only */
    if (!text || bytes == 0 || bytes == MOST || memchr(text, '\0', bytes))
        args_fail("--classes: %s cannot be read, or is no list of names of up to a million letters",
                  path);
    while (strlen(text) > 1 && text[strlen(text) - 1] == '\n')
        text[strlen(text) - 1] = '\0';
    return text;
}

static void must_tell(tn_model *model, const char *key, const char *value)
{
    if (tn_model_tell(model, key, value) != TN_OK)
        run_fail("%s", tn_error());
}

static void tell_classes(tn_model *model)
{
    tn_shape shape = {0};
    const tn_graph *g = tn_model_graph(model);
    const tn_value output = tn_graph_output_at(g, 0);
    if (!flags.classes)
        return;
    char *names = read_text(flags.classes);
    must_tell(model, "tenon.classes", names);
    free(names);
    if (!output.id || tn_value_shape(g, output, &shape) != TN_OK || shape.ndim < 2 ||
        shape.dim[1] != tn_model_num_classes(model))
        args_fail("--classes: %s names %d classes, and the first output of the net is %s",
                  flags.classes, tn_model_num_classes(model), tn_shape_format(&shape).text);
}

static void tell_fit(tn_model *model)
{
    static const char *const orders[] = {
        [TN_ORDER_RGB] = "rgb", [TN_ORDER_BGR] = "bgr", [TN_ORDER_GREY] = "grey"};
    char fit[64];
    tn_picture picture;
    if (!flags.resize)
        return;
    if (tn_model_picture(model, &picture) != TN_OK)
        args_fail("--resize: %s%s", tn_error(), opening_hint(model));
    snprintf(fit, sizeof fit, "resize=%lld order=%s", (long long)flags.resize,
             orders[picture.order]);
    must_tell(model, "tenon.fit", fit);
    if (tn_model_picture(model, &picture) != TN_OK)
        args_fail("--resize: %s", tn_error());
}

/* What was written, opened anew and held against what it was made of. False: it is off, and is gone. */
static bool compare(const tn_model *model, const char *to, parity *p)
{
    tn_model *made = NULL;
    if (!flags.parity)
        return true;
    if (tn_model_open(&made, to, NULL) != TN_OK)
        run_fail("%s", tn_error());
    *p = parity_of(made, model, flags.parity);
    tn_model_close(made);
    if (!p->same)
        (void)unlink(to);
    return p->same;
}

static void tell_written(const char *to, const parity *p, bool good)
{
    struct stat s;
    json j = {.to = stdout};
    if (!flags.json) {
        if (p->pictures > 0)
            parity_tell(p, stdout);
        return;
    }
    json_object(&j, NULL);
    json_text(&j, "file", good ? to : NULL);
    if (good && stat(to, &s) == 0)
        json_count(&j, "bytes", (int64_t)s.st_size);
    if (p->pictures > 0)
        parity_tell_json(p, &j);
    json_end(&j, '}');
}

int model_convert(int argc, char **argv)
{
    const args a = {
        .usage = "tenon-model convert MODEL TO [options]",
        .about = "Makes one file of a model, or of a run's best checkpoint, which needs nothing of "
                 "where it came from:\n"
                 "TO ends in .safetensors, what every program of Tenon takes, or in .onnx, what "
                 "others do. With --parity\n"
                 "what was written is opened again, and it and the model are shown pictures.",
        .more =
            "Exit status: 0; 1: it could not be written; 2: flags or a model that cannot be; 3: "
            "what was written\n"
            "is off by more than 1e-3 of the largest number (--parity), and was removed.\n\n"
            "Examples:\n"
            "  tenon model convert deploy.prototxt squeezenet.safetensors --weights \\\n"
            "      squeezenet.caffemodel --mean 104,117,123 --order bgr --classes synsets.txt\n"
            "  tenon model convert photos.safetensors photos.onnx",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .min_words = 2,
        .max_words = 2,
        .words = "a model and the file to write, or one of them,"};
    tn_model *model = NULL;
    char path[RUN_PATH];
    parity p = {0};
    args_parse(&a, argc, argv);
    const char *to = argv[2];
    const bool onnx = ends_in(to, ".onnx");
    if (!onnx && !ends_in(to, ".safetensors"))
        args_fail("%s ends neither in .safetensors nor in .onnx", to);
    if (flags.float_input && !onnx)
        args_fail("--float-input is of .onnx, and %s is not", to);
    whole_probe(to, flags.force);
    tn_model_opts opts = opening_opts(&flags.opening, 0, flags.size);
    opts.average = flags.average;
    run_model(path, flags.workspace, argv[1]);
    if (tn_model_open(&model, path, &opts) != TN_OK)
        args_fail("%s", tn_error());
    opening_tell(model);
    tell_fit(model);
    tell_classes(model);
    const tn_onnx_opts how = {.float_input = flags.float_input};
    const tn_status status = onnx ? tn_model_save_onnx(model, to, &how) : tn_model_save(model, to);
    if (status != TN_OK)
        run_fail("%s", tn_error());
    const bool good = compare(model, to, &p);
    tell_written(to, &p, good);
    if (!good)
        args_warn("%s: what was written is off by %.2g of the largest number: it was removed", to,
                  p.worst);
    tn_model_close(model);
    return fflush(stdout) != 0 ? 1 : good ? 0 : 3;
}
