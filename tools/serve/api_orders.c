/* What changes a run: done by tenon-run and tenon-train, as in a shell. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/json_read.h"
#include "../common/workspace.h"
#include "child.h"
#include "reply.h"
#include "server.h"

enum { WORD = 96, SETTINGS = 8, ORDER_SECONDS = 40 };

/* The folder of a run, by which a tool finds it wherever the workspace is. False: there is no such run. */
static bool find_folder(server *s, const char *id, char path[RUN_PATH], answer *a)
{
    const cached_run *r = api_find(s, id, a);
    if (!r)
        return false;
    snprintf(path, RUN_PATH, "%s", r->folder);
    cache_unlock(&s->cache);
    return true;
}

/* "tenon-run set: runs/a: is not alive" without the program's name. */
static const char *sentence(const char *error)
{
    const char *colon = strstr(error, ": ");
    return colon ? colon + 2 : *error ? error : "it did not say why";
}

/* A tool's own JSON is the answer where it has one; its status says which it is. */
static void tell_tool(void *with, const child_said *said, answer *a)
{
    const unsigned *done = with;
    if (said->size > 0 && said->out[0] == '{' && said->status >= 0 && said->status < 4) {
        char *text = malloc(said->size + 1);
        if (text) {
            memcpy(text, said->out, said->size);
            reply_text(a, said->status == 0 || said->status == 3 ? *done : 409, text, said->size);
            return;
        }
    }
    char error[900];
    snprintf(error, sizeof error, "%s", sentence(said->error));
    error[strcspn(error, "\n")] = '\0';
    if (said->status == 0)
        reply_error(a, *done, NULL, "done");
    else
        reply_error(a, said->status == 2 ? 409 : said->status == 3 ? 504 : 500, NULL, "%s", error);
}

static unsigned *status_of(unsigned status)
{
    unsigned *to = malloc(sizeof *to);
    if (to)
        *to = status;
    return to;
}

/* ---- orders ----------------------------------------------------------------------------------------- */

/* "rate_scale=0.1" of each member; their number, -1: the answer says what is wrong. */
static int read_settings(const json_value *set, char word[SETTINGS][WORD], answer *a)
{
    int count = 0;
    for (const json_value *m = json_first(set); m; m = json_next(m)) {
        double number;
        const char *name = json_name(m);
        if (!name || strlen(name) > 32 || name[strspn(name, "abcdefghijklmnopqrstuvwxyz_")] ||
            !json_number(m, &number) || !isfinite(number)) {
            reply_error(a, 422, name, "%.32s is no number", name ? name : "set");
            return -1;
        }
        if (count == SETTINGS) {
            reply_error(a, 422, "set", "more than %d settings", SETTINGS);
            return -1;
        }
        snprintf(word[count++], WORD, "%s=%.17g", name, number);
    }
    if (count == 0)
        reply_error(a, 422, "set", "set says nothing");
    return count ? count : -1;
}

static void ask(const char *folder, const json_value *order, const request *r, answer *a)
{
    static const char *const kinds[] = {"set", "stop", "snapshot", "evaluate"};
    const char *kind = json_string(json_member(order, "order"));
    char word[SETTINGS][WORD], at_step[32];
    const char *words[CHILD_WORDS] = {"tenon-run"};
    double step;
    int count = 1;
    size_t i = 0;
    while (kind && i < 4 && strcmp(kind, kinds[i]) != 0)
        i++;
    if (!kind || i == 4) {
        reply_error(a, 422, "order", "order is one of set, stop, snapshot, evaluate");
        return;
    }
    words[count++] = kinds[i];
    words[count++] = folder;
    if (i == 0) {
        const int settings = read_settings(json_member(order, "set"), word, a);
        if (settings < 0)
            return;
        for (int k = 0; k < settings; k++)
            words[count++] = word[k];
    }
    if (json_number(json_member(order, "at_step"), &step)) {
        snprintf(at_step, sizeof at_step, "%.0f", step);
        words[count++] = "--at-step";
        words[count++] = at_step;
    }
    words[count++] = "--json";
    child_ask(r, a, words, ORDER_SECONDS, tell_tool, status_of(202));
}

/* POST /runs/ID/orders {"order": "set", "set": {"rate_scale": 0.1}, "at_step": 5200} */
void api_orders(server *s, const request *r, const char *id, answer *a)
{
    char folder[RUN_PATH];
    if (!find_folder(s, id, folder, a))
        return;
    json_value *order = strlen(r->body) == r->size ? json_parse(r->body) : NULL;
    if (order)
        ask(folder, order, r, a);
    else
        reply_error(a, 400, NULL, "the order is no JSON");
    json_free(order);
}

/* ---- going on, and away ------------------------------------------------------------------------------ */

/* POST /runs/ID/resume */
void api_resume(server *s, const request *r, const char *id, answer *a)
{
    char folder[RUN_PATH], output[RUN_PATH + 16];
    (void)r;
    cached_run *run = api_find(s, id, a);
    if (!run)
        return;
    const bool alive = run->info->alive, done = run->info->state == TN_RUN_IS_DONE;
    snprintf(folder, sizeof folder, "%s", run->folder);
    cache_unlock(&s->cache);
    if (alive || done) {
        reply_error(a, 409, NULL, "%s is %s: there is nothing to resume", id,
                    alive ? "alive" : "done");
        return;
    }
    snprintf(output, sizeof output, "%s/output.log", folder);
    const char *const words[] = {"tenon-train", "--resume", folder, NULL};
    const int error = child_start(words, output);
    reply p;
    if (error) {
        reply_error(a, 500, NULL, "tenon-train cannot be started: %s", strerror(error));
        return;
    }
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        json_text(&p.j, "id", id);
        json_end(&p.j, '}');
    }
    reply_end(&p, a, 202);
}

/* DELETE /runs/ID: to the workspace's trash, from where it can be brought back. */
void api_remove(server *s, const request *r, const char *id, answer *a)
{
    char folder[RUN_PATH];
    if (!find_folder(s, id, folder, a))
        return;
    const char *const words[] = {"tenon-run", "rm", id, "--workspace", s->workspace, NULL};
    child_ask(r, a, words, ORDER_SECONDS, tell_tool, status_of(200));
}

/* GET /compare?a=RUN&b=RUN: as `tenon run compare --json`. */
void api_compare(server *s, const request *r, const char *id, answer *a)
{
    enum { COMPARE_SECONDS = 60 };
    char folder[2][RUN_PATH];
    static const char *const names[] = {"a", "b"};
    (void)id;
    for (int i = 0; i < 2; i++) {
        const char *name = http_query(r, names[i]);
        if (!name || !run_name_is_good(name)) {
            reply_error(a, 422, names[i], "%s is to name a run", names[i]);
            return;
        }
        if (!find_folder(s, name, folder[i], a))
            return;
    }
    const char *const words[] = {"tenon-run", "compare", folder[0], folder[1], "--json", NULL};
    child_ask(r, a, words, COMPARE_SECONDS, tell_tool, status_of(200));
}

/* ---- notes ------------------------------------------------------------------------------------------- */

enum { NOTES = 64 << 10 };

/* GET /runs/ID/notes */
void api_notes(server *s, const request *r, const char *id, answer *a)
{
    char folder[RUN_PATH], path[RUN_PATH + 16];
    (void)r;
    if (!find_folder(s, id, folder, a))
        return;
    snprintf(path, sizeof path, "%s/notes.txt", folder);
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    char *text = calloc(1, NOTES + 1);
    const ssize_t got = text && fd >= 0 ? read(fd, text, NOTES) : 0;
    if (fd >= 0)
        close(fd);
    reply p;
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        json_text(&p.j, "text", got > 0 ? text : "");
        json_end(&p.j, '}');
    }
    free(text);
    reply_end(&p, a, 200);
}

static bool write_notes(const char *folder, const char *text, size_t size)
{
    char path[RUN_PATH + 16], aside[RUN_PATH + 16];
    snprintf(path, sizeof path, "%s/notes.txt", folder);
    snprintf(aside, sizeof aside, "%s/notes.txt.tmp", folder);
    const int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return false;
    const bool written = write(fd, text, size) == (ssize_t)size && fsync(fd) == 0;
    return close(fd) == 0 && written && rename(aside, path) == 0;
}

/* PUT /runs/ID/notes, a text as it is */
void api_notes_put(server *s, const request *r, const char *id, answer *a)
{
    char folder[RUN_PATH];
    reply p;
    if (!find_folder(s, id, folder, a))
        return;
    if (r->size > NOTES || strlen(r->body) != r->size) {
        reply_error(a, 422, NULL, "notes are a text of at most %d bytes", NOTES);
        return;
    }
    if (!write_notes(folder, r->body, r->size)) {
        reply_error(a, 500, NULL, "%s/notes.txt cannot be written: %s", id, strerror(errno));
        return;
    }
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        json_count(&p.j, "bytes", (int64_t)r->size);
        json_end(&p.j, '}');
    }
    reply_end(&p, a, 200);
}
