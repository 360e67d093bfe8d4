/*
 * open: a model from a file, whose first bytes say what it is.
 */
#define _POSIX_C_SOURCE 200809L /* O_CLOEXEC */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <tenon/text.h>

#include "graph/text.h"
#include "model/import.h"

enum { FIRST_BYTES = 512 };

static tn_status look(const char *path, unsigned char first[FIRST_BYTES])
{
    const int fd =
        open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO would wait for a writer */
    memset(first, 0, FIRST_BYTES);
    const ssize_t got = fd < 0 ? -1 : read(fd, first, FIRST_BYTES);
    const int why = errno;
    if (fd >= 0)
        close(fd); /* read only: nothing can be lost */
    if (got < 0)
        return tn_fail(TN_ERR_IO, "%s: %s", path, strerror(why));
    return TN_OK;
}

/* ---- safetensors ------------------------------------------------------------------------------ */

static tn_status open_safetensors(tn_model *m, const tn_model_opts *o)
{
    TN_TRY(tn_safetensors_open(&m->file, m->path));
    TN_TRY(tn_model_take_file(m, o->average));
    if (tn_model_fact(m, "tenon.graph"))
        return tn_model_read_graph(m, o->batch);
    const char *version = tn_model_fact(m, "tenon.version");
    if (!o->no_net)
        return tn_fail(TN_ERR_FORMAT,
                       "%s: holds %zu tensors but no net (tenon.graph)%s%s%s: its numbers can be "
                       "taken by a net that a program makes or that is read from a text",
                       m->path, m->num_numbers, version ? "; it was saved by Tenon " : "",
                       version ? version : "", version ? ", of before files held nets" : "");
    return tn_model_add_notice(m, "%s holds no net, only %zu tensors", m->path, m->num_numbers);
}

/* ---- the text of a net ------------------------------------------------------------------------ */

/* The fact is the file's own text, so that lines that errors tell of are its lines. */
static tn_status take_text(tn_model *m, const char *text, size_t bytes, const tn_model_opts *o)
{
    const tn_graph_read_opts opts = {.name = m->path, .batch = o->batch};
    TN_TRY(tn_graph_read(&m->graph, text, bytes, &opts));
    return tn_model_set_fact(m, "tenon.graph", text);
}

static tn_status open_text(tn_model *m, const tn_model_opts *o)
{
    if (o->average)
        return tn_fail(TN_ERR_ARGUMENT, "%s: the text of a net has no numbers to average", m->path);
    char *text = NULL;
    size_t bytes = 0;
    tn_status status = tn_text_load(m->path, &text, &bytes);
    if (status == TN_OK)
        status = take_text(m, text, bytes, o);
    tn_free(text);
    return status;
}

tn_status tn_model_read(tn_model **out, const char *name, const char *text,
                        const tn_model_opts *opts)
{
    TN_NEED(out, "out");
    TN_NEED(name, "name");
    TN_NEED(text, "text");
    tn_model *m = NULL;
    const tn_model_opts none = {0};
    TN_TRY(tn_model_create(&m, name));
    const tn_status status = take_text(m, text, strlen(text), opts ? opts : &none);
    if (status != TN_OK) {
        tn_model_close(m);
        return status;
    }
    *out = m;
    return TN_OK;
}

/* ---- of other programs ------------------------------------------------------------------------ */

static tn_status open_foreign(tn_model *m, const tn_importer *importer, const tn_model_opts *o)
{
    if (o->average)
        return tn_fail(TN_ERR_ARGUMENT, "%s: a net of %s keeps no averages", m->path,
                       importer->name);
    TN_TRY(importer->open(m, o));
    tn_model_sort(m);
    return o->fit ? tn_model_set_fact(m, "tenon.fit", o->fit) : TN_OK;
}

/* ---- which ------------------------------------------------------------------------------------ */

/* What others write, to be refused by its name. */
static const struct {
    const char *begins, *what;
} foreign[] = {
    {"PK\3\4", "a zip archive, as PyTorch saves (.pt)"},
    {"\x80\2", "a Python pickle"},
    {"\x80\4", "a Python pickle"},
    {"\x89HDF", "HDF5, as Keras saves"},
    {"GGUF", "GGUF"},
};

static tn_status open_any(tn_model *m, const tn_model_opts *o)
{
    unsigned char first[FIRST_BYTES];
    TN_TRY(look(m->path, first));
    if (memcmp(first, "tenon graph", 11) == 0)
        return open_text(m, o);
    for (int i = 0; tn_importers[i]; i++)
        if (tn_importers[i]->knows(m->path, first, FIRST_BYTES))
            return open_foreign(m, tn_importers[i], o);
    for (size_t i = 0; i < TN_COUNT(foreign); i++)
        if (memcmp(first, foreign[i].begins, strlen(foreign[i].begins)) == 0)
            return tn_fail(
                TN_ERR_FORMAT,
                "%s: is %s; Tenon reads safetensors, the text of a net, ONNX and Caffe's prototxt",
                m->path, foreign[i].what);
    return open_safetensors(m, o);
}

tn_status tn_model_open(tn_model **out, const char *path, const tn_model_opts *opts)
{
    TN_NEED(out, "out");
    TN_NEED(path, "path");
    tn_model *m = NULL;
    const tn_model_opts none = {0};
    TN_TRY(tn_model_create(&m, path));
    const tn_status status = open_any(m, opts ? opts : &none);
    if (status != TN_OK) {
        tn_model_close(m);
        return status;
    }
    *out = m;
    return TN_OK;
}
