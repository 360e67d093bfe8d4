/*
 * tenon-serve from a request to its answer, without sockets and without the programs that it starts: whatever method, address,
 * headers and body are, there is an answer with a status, JSON where it says so, and no word of a command line names a file outside of
 * the workspace. What starts programs, and what a request holds, is in fuzz_served.h.
 */
#define _GNU_SOURCE /* nftw, mkdtemp */

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "serve/web/page.h"

const int fuzz_rounds = 3000;

#define TOKEN "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static const char page[] = "<html>";
const page_file page_files[] = {{"index.html", "\"1\"", page, page + 6}, {0}};

#include "fuzz_served.h"

static server s;

/* ---- the workspace ------------------------------------------------------------------------------------ */

static void write_file(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0)
        abort();
}

static void make_folder(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (mkdir(path, 0700) != 0)
        abort();
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static void clean_up(void)
{
    cache_close(&s.cache);
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void tell(void *with, const char *name, const tn_run_info *info)
{
    (void)with, (void)name, (void)info;
}

static void open_server(void)
{
    char runs[128], text[256];
    snprintf(folder, sizeof folder, "%s/tenon-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder))
        abort();
    make_folder("runs");
    make_folder("runs/a");
    make_folder("runs/a/checkpoints");
    make_folder("set");
    make_folder("datasets");
    make_folder("datasets/d");
    write_file("runs/a/lock", "");
    write_file("runs/a/checkpoints/best.safetensors", "x");
    write_file("runs/a/state.json",
               "{\"v\":1,\"state\":\"done\",\"step\":20,\"epoch\":1,\"updated\":1.0}");
    write_file("runs/a/config.json",
               "{\"recipe\":{\"rate\":0.1,\"net\":\"slim\"},\"data\":{\"path\":\"/x\"},\"net\":{"
               "\"name\":\"slim\",\"text\":\"t\"},\"device\":\"cpu\"}");
    write_file(
        "runs/a/log.jsonl",
        "{\"e\":\"step\",\"t\":1,\"step\":10,\"loss\":2.5,\"rate\":0.1}\n{\"e\":\"order\",\"t\":"
        "1,\"step\":11,\"id\":\"x\",\"order\":\"set\",\"set\":{\"rate_scale\":0.5},\"applied\":"
        "true}\n{\"e\":\"epoch\",\"t\":2,\"step\":20,\"val\":{\"top1\":0.5,\"loss\":1}}\n");
    snprintf(text, sizeof text, "{\"path\": \"%s/set\", \"size\": 32}", folder);
    write_file("datasets/d/dataset.json", text);
    s.workspace = folder;
    s.guard.port = 7860;
    memcpy(s.guard.token, TOKEN, sizeof TOKEN);
    jail_add(&s.jail, folder);
    uploads_open(&s.uploads, folder, 1 << 20, 1 << 21);
    snprintf(runs, sizeof runs, "%s/runs", folder);
    cache_open(&s.cache, runs, tell, NULL);
    cache_look(&s.cache);
    atexit(clean_up);
}

/* ---- one input: "METHOD PATH?QUERY\nName: value\n\nbody" ------------------------------------------------ */

/* As the library gives it. */
static void decode(char *text)
{
    char *to = text;
    for (; *text; text++) {
        unsigned byte;
        if (*text == '%' && sscanf(text + 1, "%2x", &byte) == 1 && text[1] && text[2]) {
            *to++ = (char)byte;
            text += 2;
        } else {
            *to++ = *text;
        }
    }
    *to = '\0';
}

static void read_query(struct http_call *k, char *text)
{
    for (char *part = text; part && *part && k->queries < PAIRS;) {
        char *next = strchr(part, '&'), *value;
        if (next)
            *next++ = '\0';
        value = strchr(part, '=');
        if (value)
            *value++ = '\0';
        decode(part);
        if (value)
            decode(value);
        k->query[k->queries][0] = part;
        k->query[k->queries++][1] = value;
        part = next;
    }
}

/* Returns where the body begins. */
static char *read_headers(struct http_call *k, char *text)
{
    while (*text && *text != '\n') {
        char *next = strchr(text, '\n'), *value = strchr(text, ':');
        if (next)
            *next++ = '\0';
        if (value && k->headers < PAIRS) {
            *value++ = '\0';
            value += *value == ' ';
            k->header[k->headers][0] = text;
            k->header[k->headers++][1] = value;
        }
        text = next ? next : strchr(text, '\0');
    }
    return text + (*text == '\n');
}

static void check_answer(const answer *a)
{
    const bool json_ = a->type && strcmp(a->type, "application/json") == 0;
    if (a->status < 200 || a->status > 599 || a->later)
        abort();
    if (!json_ || !a->text)
        return;
    char *text = strndup(a->text, a->size);
    json_value *v = json_parse(text);
    if (!v || strlen(text) != a->size)
        abort();
    json_free(v);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct http_call k = {0};
    http_place place = {.most = HTTP_BODY};
    char *all = malloc(size + 1), none[] = "";
    if (!all)
        abort();
    if (!folder[0])
        open_server();
    memcpy(all, bytes, size);
    all[size] = '\0';
    char *line = strchr(all, '\n'), *path = strchr(all, ' ');
    if (line)
        *line = '\0';
    char *body = line ? read_headers(&k, line + 1) : none;
    path = path && (!line || path < line) ? path : NULL;
    if (path)
        *path++ = '\0';
    char *query = path ? strchr(path, '?') : NULL;
    if (query)
        *query++ = '\0';
    if (path)
        decode(path);
    read_query(&k, query);
    const request r = {.method = all,
                       .path = path ? path : "/",
                       .body = body,
                       .size = line ? (size_t)(all + size - body) : 0,
                       .call = &k};
    answer a = {.status = 200};
    if (serve_admits(&s, &r, &place, &a)) {
        request with = r;
        with.file = place.file;
        a = (answer){.status = 200};
        if (place.over)
            place.over(place.with, place.reserved);
        place.over = NULL;
        serve_answers(&s, &with, &a);
    }
    check_answer(&a);
    free(a.text);
    if (a.file)
        close(a.file);
    if (place.over)
        place.over(place.with, place.reserved);
    if (place.file)
        close(place.file);
    free(all);
    return 0;
}

void fuzz_seeds(void (*seed)(void *arg, const uint8_t *bytes, size_t size), void *arg)
{
    static const char *const asked[][3] = {
        {"GET", "/index.html", ""},
        {"GET", "/api/v1/state", ""},
        {"GET", "/api/v1/machine", ""},
        {"GET", "/api/v1/runs?state=done&find=a&after=0&count=5", ""},
        {"GET", "/api/v1/runs/a", ""},
        {"GET",
         "/api/v1/runs/a/series?names=step.loss,epoch.val.top1&from=0&to=30&points=2&smooth=0.5",
         ""},
        {"GET", "/api/v1/runs/a/log?before=3&lines=2", ""},
        {"GET", "/api/v1/runs/a/output", ""},
        {"PUT", "/api/v1/runs/a/notes", "words"},
        {"POST", "/api/v1/runs/a/clone", "{\"step\": 20}"},
        {"POST", "/api/v1/runs/a/orders",
         "{\"order\": \"set\", \"set\": {\"rate_scale\": 0.5}, \"at_step\": 30}"},
        {"POST", "/api/v1/runs/a/resume", ""},
        {"DELETE", "/api/v1/runs/a", ""},
        {"GET", "/api/v1/compare?a=a&b=a", ""},
        {"GET", "/api/v1/browse?root=0&path=set%2f..", ""},
        {"POST", "/api/v1/runs",
         "{\"name\": \"b\", \"data\": {\"root\": 0, \"path\": \"set\"}, \"text\": \"tenon graph "
         "1\", \"init\": \"a\", "
         "\"recipe\": {\"epochs\": 3, \"rate-policy\": \"step\", \"nesterov\": true}, \"device\": "
         "\"cpu\", \"queue\": true}"},
        {"POST", "/api/v1/plan",
         "{\"net\": \"slim\", \"batch\": 4, \"size\": \"96\", \"input\": \"x=3x4x4\"}"},
        {"POST", "/api/v1/rate", "{\"recipe\": {\"rate\": 0.5, \"mean\": \"1,2,3\"}}"},
        {"GET", "/api/v1/datasets/d", ""},
        {"POST", "/api/v1/datasets",
         "{\"name\": \"e\", \"data\": {\"path\": \"set\"}, \"split\": 10, \"size\": 64}"},
        {"POST", "/api/v1/datasets/d/check", "{}"},
        {"POST", "/api/v1/datasets/d/exclude",
         "{\"pictures\": [{\"side\": \"train\", \"item\": 3}], \"undo\": true}"},
        {"GET", "/api/v1/datasets/d/items?side=train&class=1&find=x&after=0&count=5", ""},
        {"GET", "/api/v1/datasets/d/items/3/image?side=train&view=seen&seed=3&size=64", ""},
        {"GET", "/api/v1/models", ""},
        {"GET", "/api/v1/models/a", ""},
        {"GET", "/api/v1/jobs?kind=check&count=3", ""},
        {"GET", "/api/v1/jobs/check-1", ""},
        {"DELETE", "/api/v1/jobs/check-1", ""},
        {"GET", "/api/v1/uploads", ""},
        {"DELETE", "/api/v1/uploads/sent", ""},
        {"GET", "/api/v1/browse?root=0&path=&find=se", ""},
        {"GET", "/api/v1/models/a/evaluations/evaluation-1/pictures?label=0&said=1&count=5", ""},
    };
    char text[2048];
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        const int length = snprintf(text, sizeof text,
                                    "%s %s\nHost: localhost:7860\nAuthorization: Bearer " TOKEN
                                    "\nContent-Length: %zu\n\n%s",
                                    asked[i][0], asked[i][1], strlen(asked[i][2]), asked[i][2]);
        seed(arg, (const uint8_t *)text, (size_t)length);
    }
}
