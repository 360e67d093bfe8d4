/* Texts of Caffe's: nets, solvers, and what is neither. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/tenon.h>

#include "count.h"

unsigned char *file_read(const char *path, size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    long size;
    unsigned char *all = NULL;
    if (!f)
        return NULL;
    if (fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0 && fseek(f, 0, SEEK_SET) == 0) {
        all = malloc((size_t)size + 1);
        *bytes = (size_t)size;
        if (all && fread(all, 1, (size_t)size, f) != (size_t)size) {
            free(all);
            all = NULL;
        }
        if (all)
            all[size] = '\0';
    }
    (void)fclose(f); /* read only */
    return all;
}

/* The next name of a field that stands in no message; "" at the end. */
static const char *next_field(const char *p, char name[64])
{
    int depth = 0;
    name[0] = '\0';
    while (*p) {
        if (*p == '#') {
            p += strcspn(p, "\n");
        } else if (*p == '"' || *p == '\'') {
            const char end = *p++;
            while (*p && *p != end)
                p += 1 + (*p == '\\' && p[1]);
            p += *p != '\0';
        } else if (depth == 0 && (isalpha((unsigned char)*p) || *p == '_')) {
            size_t length = 0;
            while (isalnum((unsigned char)p[length]) || p[length] == '_')
                length++;
            snprintf(name, 64, "%.*s", (int)length, p);
            return p + length;
        } else {
            depth += *p == '{' ? 1 : *p == '}' ? -1 : 0;
            p++;
        }
    }
    return p;
}

kind caffe_kind(const char *path)
{
    static const char *const of_solver[] = {"base_lr", "net_param", "train_net", "net", "max_iter"};
    size_t bytes;
    char *text = (char *)file_read(path, &bytes), name[64];
    kind k = CAFFE_OTHER;
    for (const char *p = text; p && *(p = next_field(p, name)) && k == CAFFE_OTHER;) {
        if (strcmp(name, "layer") == 0 || strcmp(name, "layers") == 0)
            k = CAFFE_NET;
        for (size_t i = 0; i < sizeof of_solver / sizeof *of_solver; i++)
            if (strcmp(name, of_solver[i]) == 0)
                k = CAFFE_SOLVER;
    }
    free(text);
    return k;
}

void judge_error(int status, verdict *v)
{
    v->outcome = status == TN_ERR_UNSUPPORTED ? REFUSED : status == TN_ERR_FORMAT ? UNREAD : FAILED;
    snprintf(v->why, sizeof v->why, "%s", tn_error());
}

/* Databases know how large pictures are, and the nets do not: any size shows whether the layers are known. */
void judge_caffe(const char *path, kind k, verdict *v)
{
    static const char *const sizes[] = {"*=3x224x224", "*=1x28x28"};
    tn_model *model = NULL;
    tn_status status = TN_ERR_SHAPE;
    for (size_t i = 0; i < 2 && status == TN_ERR_SHAPE; i++)
        status = tn_model_open(&model, path,
                               &(tn_model_opts){.no_net = k == CAFFE_SOLVER, .input = sizes[i]});
    if (status != TN_OK)
        judge_error(status, v);
    else if (k == CAFFE_OTHER)
        *v = (verdict){WRONG, "it is taken for a net, and is none"};
}
