/*
 * What tenon-serve has of a connection and of the programs that it starts, for one that has neither: in place of http.c, work.c, child.c, lives.c and
 * stand.c. No word of a command line may name a file outside of the workspace.
 */
#ifndef TN_FUZZ_SERVED_H
#define TN_FUZZ_SERVED_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/json_read.h"
#include "serve/child.h"
#include "serve/server.h"
#include "serve/stand.h"
#include "serve/work.h"

static char folder[64]; /* the workspace */

/* ---- a request, in place of http.c ------------------------------------------------------------------- */

enum { PAIRS = 16 };
struct http_call {
    const char *query[PAIRS][2], *header[PAIRS][2];
    int queries, headers;
};

static const char *find(const char *(*pairs)[2], int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcasecmp(pairs[i][0], name) == 0)
            return pairs[i][1];
    return NULL;
}

const char *http_query(const request *r, const char *name)
{
    return find(r->call->query, r->call->queries, name);
}

const char *http_header(const request *r, const char *name)
{
    return find(r->call->header, r->call->headers, name);
}

const char *http_from(const request *r)
{
    (void)r;
    return "127.0.0.1";
}

struct http_call *http_later(const request *r, answer *a)
{
    (void)a;
    return r->call;
}

void http_give(struct http_call *call, const answer *a)
{
    (void)call, (void)a;
    abort(); /* only what starts programs answers later, and that is here */
}

void http_publish(http *h, const char *event, const char *data)
{
    (void)h;
    json_value *v = json_parse(data);
    if (!v || !*event)
        abort();
    json_free(v);
}

bool work_later(server *srv, const request *r, api_answers *answers, const char *const id[],
                int count, answer *a)
{
    (void)srv, (void)r, (void)answers, (void)id, (void)count, (void)a;
    return false; /* it is answered here */
}

/* ---- programs, in place of child.c, lives.c and stand.c ------------------------------------------------ */

static void check_words(const char *const *words)
{
    int count = 0;
    if (strncmp(words[0], "tenon-", 6) != 0)
        abort();
    for (; words[count]; count++)
        if (words[count][0] == '/' && strncmp(words[count], folder, strlen(folder)) != 0)
            abort();
    if (count > CHILD_WORDS)
        abort();
}

static void answer_by(answer *a, child_tell *tell, void *with)
{
    static const child_said said[] = {
        {2, "", "tenon-train: --rate wants a number", 0},
        {0, "{\"a\": 1}", "", 8},
        {-1, "", "it took too long", 0},
        {1, "tenon-train: /x/nets/y.net:3:9: no", "tenon-plan: /x/nets/y.net:3: no", 0},
    };
    static unsigned turn;
    a->status = 500;
    tell(with, &said[turn++ % 4], a);
    free(with);
}

void child_ask(const request *r, answer *a, const char *const *words, double seconds,
               child_tell *tell, void *with)
{
    (void)r, (void)seconds;
    check_words(words);
    answer_by(a, tell, with);
}

void child_begin(const request *r, answer *a, const char *const *words, const char *output,
                 const char *ready, double seconds, child_tell *tell, void *with)
{
    (void)r, (void)seconds, (void)output, (void)ready;
    check_words(words);
    answer_by(a, tell, with);
}

void stand_ask(const request *r, answer *a, const stand_way *way, const char *question, size_t size,
               child_tell *tell, void *with)
{
    (void)r;
    static const char *const out[] = {"json 8\n{\"a\": 1}", "{\"a\": 1}\n",
                                      "error 22\n{\"error\": {\"text\": 1}}", "none 2\n{}"};
    static unsigned turn;
    check_words(way->words);
    if (size == 0 || !question)
        abort();
    const char *text = out[turn++ % 4]; /* a stand gives what `whole` has seen the end of */
    child_said said = {0, text, "", strlen(text)};
    if (way->whole(text, said.size) != said.size)
        said = (child_said){-1, "", "it took too long", 0};
    a->status = 500;
    tell(with, &said, a);
    free(with);
}

int child_start(const char *const *words, const char *output)
{
    (void)output;
    check_words(words);
    return EAGAIN;
}

int child_spawn(pid_t *pid, const char *const *words, int in, int out, int error, int lock)
{
    (void)pid, (void)in, (void)out, (void)error, (void)lock;
    check_words(words);
    return EAGAIN;
}

bool child_enter(answer *a)
{
    (void)a;
    return true;
}

void child_leave(void)
{
}

void child_limit(pid_t pid, int resource, size_t most)
{
    (void)pid, (void)resource, (void)most;
}

bool child_ends(void)
{
    return false;
}

bool child_thread(void *(*does)(void *), void *with)
{
    (void)does, (void)with;
    return false;
}

#endif
