#define _POSIX_C_SOURCE 200809L /* open_memstream */
/* Which network a session trains or measures, and what its classes are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/args.h"
#include "session.h"

/* ---- classes ---------------------------------------------------------------------------------- */

static int find_class(const network *n, const char *name)
{
    for (int i = 0; i < n->classes; i++)
        if (strcmp(n->name[i], name) == 0)
            return i;
    return -1;
}

/* To measure, the folder may lack some of the file's classes, or have them in another order. */
static void number_classes(session *s, const char *path)
{
    const tn_dataset *set = s->sets.val ? s->sets.val : s->sets.train;
    const int classes = tn_dataset_classes(set);
    s->label_of = malloc((size_t)classes * sizeof *s->label_of);
    s->labels = malloc((size_t)s->r.batch * sizeof *s->labels);
    if (!s->label_of || !s->labels)
        run_fail("no memory for the numbers of %d classes", classes);
    for (int i = 0; i < classes; i++) {
        const char *name = tn_dataset_class_name(set, i);
        s->label_of[i] = find_class(&s->net, name);
        if (s->label_of[i] < 0)
            args_fail("class \"%s\" of %s is none of the %d that %s knows", name, s->r.folder,
                      s->net.classes, path);
    }
}

/* To go on, the file's classes must be the folder's, or its labels would mean something else. */
static void check_classes(const session *s, const char *path)
{
    const int classes = tn_dataset_classes(s->sets.train);
    if (classes != s->net.classes)
        args_fail("%s knows %d classes, but %s has %d", path, s->net.classes, s->r.folder, classes);
    for (int i = 0; s->net.name[0] && i < classes; i++)
        if (strcmp(s->net.name[i], tn_dataset_class_name(s->sets.train, i)) != 0)
            args_fail("class %d is \"%s\" in %s, but \"%s\" in %s", i, s->net.name[i], path,
                      tn_dataset_class_name(s->sets.train, i), s->r.folder);
}

static void name_classes(session *s)
{
    for (int i = 0; i < s->net.classes && s->sets.train; i++)
        network_name(&s->net, i, tn_dataset_class_name(s->sets.train, i));
}

/* ---- the network ------------------------------------------------------------------------------ */

/* Numbers of Caffe's are those of a net that is told in another file. */
static bool are_for(const char *numbers, const char *file)
{
    const char *end = strrchr(numbers, '.');
    return file && end && strcmp(end, ".caffemodel") == 0 && !net_find(file);
}

/* Whoever trains with averages validates them: they are what is evaluated. */
static void open_model(session *s, const char *path, bool no_net)
{
    tn_model_opts opts = opening_opts(&s->r.opening, 0, s->r.size);
    opts.no_net = no_net;
    opts.state = s->r.init_state;
    if (s->r.init && are_for(s->r.init, s->r.net) && path == s->r.net)
        opts.weights = s->r.init;
    tn_status status = tn_model_open(&s->from, path, &opts);
    if (status == TN_OK && s->evaluate && tn_model_keeps_average(s->from)) {
        tn_model_close(s->from);
        s->from = NULL;
        opts.average = true;
        status = tn_model_open(&s->from, path, &opts);
    }
    if (status != TN_OK)
        args_fail("%s%s", tn_error(), no_net ? "" : "; say which net it is with --net");
    opening_tell(s->from);
}

/* The next line of a text, without its end; false: there is none. */
static bool next_line(const char **text, const char **line, size_t *length)
{
    *line = *text;
    *length = strcspn(*text, "\n");
    *text += *length + ((*text)[*length] == '\n');
    return *length > 0;
}

/* --net may be said again where a file says it, as the flags of a run that goes on are: it must then be the same net. */
static void check_same(const session *s, const char *path)
{
    char *text = NULL;
    size_t bytes;
    tn_model *model = NULL;
    network n;
    const tn_model_opts how = opening_opts(&s->r.opening, 0, s->r.size);
    const origin from = origin_find(s->r.net, &how, &model);
    const network_opts opts = {.batch = s->r.batch,
                               .size = from.named ? s->net.height : 0,
                               .classes = s->net.classes,
                               .no_loss = true};
    if (network_make(&n, &from, &opts) != TN_OK)
        args_fail("--net says %s, but %s is another net: %s", s->r.net, path, tn_error());
    FILE *f = open_memstream(&text, &bytes);
    if (!f)
        run_fail("no memory for the text of a net");
    tn_must(tn_graph_write(n.g, f));
    fclose(f);
    const char *mine = text, *theirs = tn_model_fact(s->from, "tenon.graph"), *line, *other;
    size_t length, other_length;
    while (next_line(&mine, &line, &length)) {
        bool found = strncmp(line, "loss ", 5) == 0;
        while (!found && next_line(&theirs, &other, &other_length))
            found = length == other_length && memcmp(line, other, length) == 0;
        if (!found)
            args_fail("--net says %s, but %s is another net: it has no \"%.*s\"", s->r.net, path,
                      (int)length, line);
    }
    free(text);
    network_free(&n);
    tn_model_close(model);
}

static origin find_text(session *s, bool with_numbers)
{
    tn_model_opts opts = opening_opts(&s->r.opening, 0, s->r.size);
    if (with_numbers) {
        opts.weights = s->r.init;
        opts.state = s->r.init_state;
    }
    const origin found = origin_find(s->r.net, &opts, &s->text);
    if (opts.weights)
        s->from = s->text;
    return found;
}

static origin find_origin(session *s, const char *file)
{
    const recipe *r = &s->r;
    if (s->known_as) {
        const bool apart = r->init && are_for(r->init, r->net);
        const char *init = apart ? r->net : r->init;
        if (init && access(init, F_OK) == 0 && access(r->init, F_OK) == 0)
            open_model(s, init, !apart);
        return (origin){.model = s->text, .path = s->known_as};
    }
    if (!file && r->init && are_for(r->init, r->net))
        return find_text(s, true);
    if (file)
        open_model(s, file, r->net != NULL);
    else if (r->init)
        open_model(s, r->init, true);
    if (file && tn_model_graph(s->from))
        return (origin){.model = s->from, .path = file};
    if (file)
        printf("note: %s holds no net: it is taken for %s, with the classes of %s\n", file, r->net,
               r->folder ? r->folder : "--classes");
    if (r->net)
        return find_text(s, false);
    if (r->init && tn_model_graph(s->from))
        return (origin){.model = s->from, .path = r->init};
    return (origin){.named = net_find("torchvision")};
}

/* What the images of the set cannot be made for. */
static void check_images(const network *n, const recipe *r, const char *path)
{
    tn_shape shape;
    tn_must(tn_value_shape(n->g, n->logits, &shape));
    if (shape.ndim != 2)
        args_fail("%s: tells of %s, not of images x classes", path, tn_shape_format(&shape).text);
    if (n->channels != 3)
        args_fail("%s: is not for colour images", path);
    if (r->size && (r->size != n->height || r->size != n->width))
        args_fail("--size says %lld, but %s has %d", (long long)r->size, path, n->height);
}

void session_choose(session *s)
{
    const recipe *r = &s->r;
    const char *file = s->resume ? s->resume : s->evaluate;
    const origin from = find_origin(s, file);
    const bool whole = s->known_as || (from.model && from.model == s->from && !r->init);
    const char *path = from.path ? from.path : from.named->name;
    network_opts opts = {.batch = r->batch, .smoothing = r->smoothing, .mixed = r->mixup > 0};
    if (from.named)
        opts.size = r->size;
    if (!whole)
        opts.classes = s->sets.train ? tn_dataset_classes(s->sets.train) : (int)r->classes;
    if (from.named && opts.classes == 0)
        opts.classes = 1000;
    if (network_make(&s->net, &from, &opts) != TN_OK)
        args_fail("%s", tn_error());
    check_images(&s->net, r, path);
    if (from.model && !s->resume && !s->known_as && r->smoothing > 0 &&
        tn_graph_loss(tn_model_graph(from.model)).id)
        args_fail("--smoothing: %s has a loss of its own", path);
    if (r->mixup > 0 && s->net.partner.id == 0)
        args_fail("--mixup: %s has a loss of its own, of images that are not mixed", path);
    if (file && whole && r->net)
        check_same(s, file);
    if (whole && s->evaluate && s->net.name[0])
        number_classes(s, file);
    else if (whole && s->sets.train)
        check_classes(s, path);
    if (!whole || s->known_as)
        name_classes(s);
    if (!whole && r->resize)
        s->net.resize = (int)r->resize;
    if (s->net.resize < s->net.height || s->net.resize < s->net.width)
        args_fail("--resize %d is less than the %d pixels that the network takes", s->net.resize,
                  s->net.height > s->net.width ? s->net.height : s->net.width);
}
