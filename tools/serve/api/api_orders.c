/* What changes a run: done by tenon-run and tenon-train, as in a shell. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/json_read.h"
#include "../../common/workspace.h"
#include "../child.h"
#include "../server.h"
#include "../web/reply.h"

enum { WORD = 96, SETTINGS = 8, ORDER_SECONDS = 40 };

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
    api_tool(r, a, words, ORDER_SECONDS, 202);
}

/* POST /runs/ID/orders {"order": "set", "set": {"rate_scale": 0.1}, "at_step": 5200} */
static void post_orders(server *s, const request *r, const char *const id[], answer *a)
{
    char folder[RUN_PATH];
    if (!api_folder(s, id[0], folder, a))
        return;
    json_value *order = api_body(r, a);
    if (order)
        ask(folder, order, r, a);
    json_free(order);
}

/* ---- going on, and away ------------------------------------------------------------------------------ */

/* POST /runs/ID/resume */
static void post_resume(server *s, const request *r, const char *const id[], answer *a)
{
    char folder[RUN_PATH], output[RUN_PATH + 16];
    (void)r;
    cached_run *run = api_find(s, id[0], a);
    if (!run)
        return;
    const bool alive = run->info->alive, done = run->info->state == TN_RUN_IS_DONE;
    snprintf(folder, sizeof folder, "%s", run->folder);
    cache_unlock(&s->cache);
    if (alive || done) {
        reply_error(a, 409, NULL, "%s is %s: there is nothing to resume", id[0],
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
        json_text(&p.j, "id", id[0]);
        json_end(&p.j, '}');
    }
    reply_end(&p, a, 202);
}

/* DELETE /runs/ID: to the workspace's trash, from where it can be brought back. */
static void delete_run(server *s, const request *r, const char *const id[], answer *a)
{
    char folder[RUN_PATH];
    if (!api_folder(s, id[0], folder, a))
        return;
    const char *const words[] = {"tenon-run", "rm", id[0], "--workspace", s->workspace, NULL};
    api_tool(r, a, words, ORDER_SECONDS, 200);
}

/* GET /compare?a=RUN&b=RUN: as `tenon run compare --json`. */
static void get_compare(server *s, const request *r, const char *const id[], answer *a)
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
        if (!api_folder(s, name, folder[i], a))
            return;
    }
    const char *const words[] = {"tenon-run", "compare", folder[0], folder[1], "--json", NULL};
    api_tool(r, a, words, COMPARE_SECONDS, 200);
}

const api api_orders = {{
    {"POST", "/runs/*/orders", post_orders},
    {"POST", "/runs/*/resume", post_resume},
    {"DELETE", "/runs/*", delete_run},
    {"GET", "/compare", get_compare},
}};
