/*
 * kernels: those that were found to be the fastest when the engine was built ("tenon.kernels", written by tune/engine.c), and
 * whether they are of this machine.
 */
#include <stdio.h>
#include <string.h>

#include "infer/engine.h"

/* A line, without its end; *at is the next one. NULL past the last. */
static char *next_line(char **at)
{
    char *line = *at;
    if (!line || !*line)
        return NULL;
    char *end = strchr(line, '\n');
    *at = end ? end + 1 : line + strlen(line);
    if (end)
        *end = '\0';
    return line;
}

static const char *behind(const char *line, const char *word)
{
    return strncmp(line, word, strlen(word)) == 0 ? line + strlen(word) : NULL;
}

/* Each line is one choice or none. */
static tn_status take_room(tn_engine_choices *c, const char *text)
{
    size_t lines = 1;
    for (const char *p = text; (p = strchr(p, '\n')); p++)
        lines++;
    c->text = tn_copy_text(text);
    c->choice = c->text ? tn_alloc(lines, sizeof *c->choice) : NULL;
    return c->choice ? TN_OK : tn_no_memory("engine", lines * sizeof *c->choice);
}

tn_status tn_engine_choose(const tn_engine *e, const char *machine, int64_t rows,
                           tn_engine_choices *c)
{
    const char *text = tn_model_fact(e->model, "tenon.kernels"), *of;
    char *at, *line, number[32];
    bool here = false, these = false;
    *c = (tn_engine_choices){.said = text != NULL};
    if (!text)
        return TN_OK;
    TN_TRY(take_room(c, text));
    (void)snprintf(number, sizeof number, "%lld", (long long)rows);
    for (at = c->text; (line = next_line(&at));) {
        char *tab = strchr(line, '\t');
        if ((of = behind(line, "machine "))) {
            here = strcmp(of, machine) == 0;
            these = false;
            c->machine = here || !c->machine ? of : c->machine;
        } else if ((of = behind(line, "rows ")) && !tab) {
            these = here && strcmp(of, number) == 0;
            c->found |= these;
        } else if (tab && these) {
            *tab = '\0';
            c->choice[c->count++] = (tn_kernel_choice){.node = line, .kernel = tab + 1};
        }
    }
    c->same_machine = c->machine && strcmp(c->machine, machine) == 0;
    return TN_OK;
}

void tn_engine_free_choices(tn_engine_choices *c)
{
    tn_free(c->choice);
    tn_free(c->text);
    *c = (tn_engine_choices){0};
}

void tn_engine_tell_kernels(const tn_engine *e, FILE *to)
{
    const char *machine = NULL, *text = tn_model_fact(e->model, "tenon.kernels");
    for (const char *line = text; line && *line;) {
        const size_t length = strcspn(line, "\n");
        char shown[1024], one[512];
        if (behind(line, "machine ")) {
            machine = line;
        } else if (machine && behind(line, "rows ")) {
            (void)snprintf(one, sizeof one, "%.*s, %.*s", (int)strcspn(machine + 8, "\n"),
                           machine + 8, (int)length, line);
            tn_show(shown, sizeof shown, one);
            fprintf(to, "kernels found on: %s\n", shown);
        }
        line += length + (line[length] == '\n');
    }
}
