/*
 * tenon-serve: a workspace in a browser. See serve/server.h.
 */
#define _GNU_SOURCE /* realpath, sigwait */

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/args.h"
#include "common/workspace.h"
#include "serve/child.h"
#include "serve/server.h"
#include "serve/stand.h"
#include "serve/web/listen.h"
#include "serve/work.h"

static struct {
    const char *listen, *socket, *host, *page, *data;
    int64_t port;
    double max_upload, quota;
    bool no_token, as_root;
} flags = {.listen = "127.0.0.1", .port = 7860, .max_upload = 2048, .quota = 20480};

static const char what[] = "shows samples, runs and models of a workspace in a browser";
static const char about[] =
    "Serves the runs of WORKSPACE ($TENON_WORKSPACE, else this folder) to a browser: what runs and "
    "what ended, its\n"
    "curves, its log, orders to it. It computes nothing: it reads the folders of runs and starts "
    "the other tools, so killing\n"
    "it loses nothing. It prints an address with a token that opens it; the token is in "
    "WORKSPACE/serve.token, for programs,\n"
    "which say \"Authorization: Bearer TOKEN\".\n"
    "\n"
    "From another machine: ssh -L 7860:localhost:7860 HOST, and the same address.";
static const char more[] =
    "Exit status: 0 when it is ended by Ctrl-C or kill; 1 if it could not go on; 2 for flags that "
    "cannot be.";

static const arg options[] = {
    {ARG_INT, "port", "N", "to listen at; 0: any that is free", &flags.port, 0, 65535},
    {ARG_TEXT, "listen", "ADDRESS",
     "of this machine, to listen at; others than 127.0.0.1 let other\n"
     "machines in, over plain HTTP",
     &flags.listen, 0, 0},
    {ARG_TEXT, "socket", "PATH", "listen at a socket in a file instead", &flags.socket, 0, 0},
    {ARG_TEXT, "host", "NAME,NAME", "names it goes by beside localhost, of a proxy before it",
     &flags.host, 0, 0},
    {ARG_TEXT, "data", "DIR,DIR",
     "folders below which there are pictures to train on, beside\nthe workspace itself",
     &flags.data, 0, 0},
    {ARG_REAL, "max-upload", "MB", "of one file that is sent here", &flags.max_upload, 0, 1 << 24},
    {ARG_REAL, "quota", "MB", "of all files that were sent", &flags.quota, 0, 1 << 24},
    {ARG_TEXT, "page", "DIR", "take the page's files from here, to edit them", &flags.page, 0, 0},
    {ARG_FLAG, "no-token", NULL, "let in every user of this machine", &flags.no_token, 0, 0},
    {ARG_FLAG, "as-root", NULL, "serve as root", &flags.as_root, 0, 0},
};

/* Whoever may write to it could make files that we read, or that our programs obey. */
static void check_workspace(const char *path)
{
    struct stat s;
    if (stat(path, &s) != 0)
        args_fail("%s: %s", path, strerror(errno));
    if (!S_ISDIR(s.st_mode))
        args_fail("%s: is no folder", path);
    if (s.st_uid != geteuid())
        args_fail("%s: is another user's: serve a workspace of your own", path);
    if (s.st_mode & (S_IWGRP | S_IWOTH))
        args_fail("%s: others may write to it: chmod go-w", path);
}

static void take_data(jail *j, char *folders)
{
    for (char *folder = strtok(folders, ","); folder; folder = strtok(NULL, ","))
        jail_add(j, folder);
}

/* Links in folders of pictures lead nowhere else, whoever of the programs reads them. */
static void tell_children(const jail *j)
{
    char *folders = NULL;
    size_t size;
    FILE *to = open_memstream(&folders, &size);
    for (int i = 0; to && i < j->roots; i++)
        fprintf(to, "%s\n", j->root[i].path);
    if (!to || fclose(to) != 0 || setenv("TENON_WITHIN", folders, 1) != 0)
        run_fail("no memory for the names of folders");
    free(folders);
}

static void take_hosts(guard *g, char *names)
{
    for (char *name = strtok(names, ","); name; name = strtok(NULL, ",")) {
        if (g->hosts == GUARD_HOSTS)
            args_fail("--host: more than %d names", GUARD_HOSTS);
        g->host[g->hosts++] = name;
    }
}

/* An event says that a run has changed, and the least of how it is. */
static void tell_run(void *with, const char *name, const tn_run_info *info)
{
    server *s = with;
    char data[256];
    if (info)
        snprintf(data, sizeof data, "{\"id\":\"%s\",\"state\":\"%s\",\"step\":%lld}", name,
                 tn_runs_state_name(info->state), (long long)info->step);
    else
        snprintf(data, sizeof data, "{\"id\":\"%s\",\"state\":null}", name);
    if (s->http)
        http_publish(s->http, "run", data);
}

static void tell_address(const server *s)
{
    if (flags.socket)
        printf("%s at the socket %s\n", s->workspace, flags.socket);
    else if (flags.no_token)
        printf("%s at http://localhost:%d/\n", s->workspace, s->guard.port);
    else
        printf("%s at http://localhost:%d/#token=%s\n", s->workspace, s->guard.port,
               s->guard.token);
    fflush(stdout);
    if (!flags.socket && !listen_is_local(flags.listen))
        args_warn(
            "%s lets other machines in, over plain HTTP, where the token can be read on the way: "
            "ssh -L or a proxy is safer",
            flags.listen);
    if (flags.no_token)
        args_warn("--no-token: every user of this machine may do here what you may");
}

int main(int argc, char **argv)
{
    static server s;
    char workspace[PATH_MAX], runs[RUN_PATH];
    sigset_t ends;
    int signal_ = 0, port;
    const args a = {.usage = "tenon-serve [options] [WORKSPACE]",
                    .about = about,
                    .more = more,
                    .options = options,
                    .count = sizeof options / sizeof options[0],
                    .max_words = 1,
                    .words = "a workspace",
                    .what = what};
    const int words = args_parse(&a, argc, argv);
    if (geteuid() == 0 && !flags.as_root)
        args_fail(
            "as root it would start programs as root for whoever has the token: --as-root if that "
            "is meant");
    const char *given = words ? argv[1] : workspace_folder(NULL);
    if (!realpath(given, workspace))
        args_fail("%s: %s", given, strerror(errno));
    umask(077);
    check_workspace(workspace);
    s.workspace = workspace;
    s.page = flags.page;
    runs_folder(runs, workspace);
    if (!flags.no_token)
        guard_token(&s.guard, workspace);
    jail_add(&s.jail, workspace);
    uploads_open(&s.uploads, workspace, (int64_t)(1e6 * flags.max_upload),
                 (int64_t)(1e6 * flags.quota));
    if (flags.data)
        take_data(&s.jail, strdup(flags.data));
    tell_children(&s.jail);
    if (flags.host)
        take_hosts(&s.guard, strdup(flags.host));
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &ends, NULL); /* of all threads that follow */
    signal(SIGPIPE, SIG_IGN);
    port = (int)flags.port;
    const int fd = flags.socket ? listen_at(flags.socket) : listen_on(flags.listen, &port);
    s.guard.port = flags.socket ? 0 : port;
    cache_open(&s.cache, runs, tell_run, &s);
    cache_look(&s.cache);
    if (!http_open(&s.http, fd, serve_admits, serve_answers, &s))
        run_fail("the server cannot begin: %s", strerror(errno));
    cache_watch(&s.cache);
    tell_address(&s);
    while (sigwait(&ends, &signal_) != 0)
        ;
    child_end_all();
    stand_end_all();
    work_end();
    cache_stop(&s.cache);
    http_close(s.http);
    cache_close(&s.cache);
    if (flags.socket)
        (void)unlink(flags.socket);
    return 0;
}
