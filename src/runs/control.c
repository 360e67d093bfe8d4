/*
 * Orders to a running run: files of control/, taken in the order of their names between two updates, each whole or refused
 * with the reason, and answered by a line of the log.
 *
 *     ID.json      as order.h has it; appears by rename, and may be taken back by unlink until it is taken
 *     ID.taken     taken (renamed), removed once its line is in the log
 *
 * A look costs one fstatat() a step: a change of the folder's time is what tells of orders. That time may be as coarse as a
 * second, so for one more second the folder is read at every step. Nothing here ends a training: what is wrong with
 * control/ is told in the log.
 */
#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/thread.h"
#include "runs/order.h"
#include "runs/read.h"

static const char folder[] = "control", ending[] = ".json";

bool tn_run_ordered(tn_run *run)
{
    enum { COARSE_SECONDS = 1 };
    tn_run_watch *w = &run->watch;
    struct stat s;
    if (w->blind || fstatat(run->folder.dir, folder, &s, 0) != 0)
        return false;
    if (s.st_mtim.tv_sec != w->changed.tv_sec || s.st_mtim.tv_nsec != w->changed.tv_nsec) {
        w->changed = s.st_mtim;
        w->until = tn_now() + COARSE_SECONDS;
        w->young = true;
    }
    return w->young || run->step >= w->due;
}

/* ---- the folder ------------------------------------------------------------------------------- */

typedef struct listing {
    int dir;
    char **name;
    size_t count, capacity, next;
} listing;

static void listing_free(listing *l)
{
    while (l->count > 0)
        tn_free(l->name[--l->count]);
    tn_free(l->name);
    if (l->dir >= 0)
        close(l->dir);
}

static bool ends_with(const char *name, const char *end)
{
    const size_t length = strlen(name), own = strlen(end);
    return length > own && strcmp(name + length - own, end) == 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static tn_status list_add(listing *l, const char *name)
{
    char *copy = tn_copy_text(name);
    const tn_status status =
        copy ? tn_grow((void **)&l->name, l->count, &l->capacity, sizeof *l->name, "orders")
             : tn_no_memory("orders", strlen(name));
    if (status == TN_OK)
        l->name[l->count++] = copy;
    else
        tn_free(copy);
    return status;
}

/* All of them, by name; none if that cannot be done now. */
static void list(tn_run *run, listing *l)
{
    tn_run_watch *w = &run->watch;
    w->young = tn_now() < w->until;
    w->due = tn_run_recalled_next(run);
    l->dir = openat(run->folder.dir, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int copy = l->dir < 0 ? -1 : fcntl(l->dir, F_DUPFD_CLOEXEC, 0);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    if (!d) {
        if (copy >= 0)
            close(copy);
        return;
    }
    tn_status status = TN_OK;
    for (const struct dirent *e; status == TN_OK && (e = readdir(d));)
        if (e->d_name[0] != '.' && ends_with(e->d_name, ending))
            status = list_add(l, e->d_name);
    closedir(d);
    if (l->count > 1)
        qsort(l->name, l->count, sizeof *l->name, by_name);
    if (status != TN_OK) {
        l->next = l->count;
        w->young = true;
    }
}

/* ---- refusing --------------------------------------------------------------------------------- */

/* Out of the way: what cannot be removed or renamed would be refused again and again. */
static void put_away(tn_run *run, const listing *l, const char *name)
{
    char away[NAME_MAX + 16];
    snprintf(away, sizeof away, "%s.refused", name);
    if (unlinkat(l->dir, name, 0) == 0 || errno == ENOENT ||
        renameat(l->dir, name, l->dir, away) == 0)
        return;
    char text[400];
    snprintf(text, sizeof text,
             "control/%.255s cannot be removed (%s): orders are not looked at any more", name,
             strerror(errno));
    run->watch.blind = true;
    tn_run_warn(run, "control", text);
}

/* "ID" of "ID.json" and "ID.taken". */
static void tell(tn_run *run, const char *id, const tn_run_order *order, const char *why)
{
    tn_json *j = tn_run_line_begin(run, "order");
    tn_json_text(j, "id", id);
    if (order->by[0])
        tn_json_text(j, "by", order->by);
    if (order->kind != TN_RUN_ORDER_NONE)
        tn_run_order_tell(j, order);
    tn_json_bool(j, "applied", !why);
    if (why)
        tn_json_text(j, "why", why);
    tn_run_line_end(run);
    tn_append_sync(&run->log);
}

static void refuse(tn_run *run, const listing *l, const char *name, const char *why)
{
    char id[NAME_MAX + 1];
    snprintf(id, sizeof id, "%.*s", (int)(strlen(name) - strlen(ending)), name);
    tell(run, id, &(tn_run_order){0}, why);
    put_away(run, l, name);
}

/* ---- taking ----------------------------------------------------------------------------------- */

static tn_status read_order(const listing *l, const char *name, tn_run_order *out)
{
    char id[NAME_MAX + 1], *text = NULL;
    size_t bytes = 0;
    snprintf(id, sizeof id, "%.*s", (int)(strlen(name) - strlen(ending)), name);
    if (!tn_run_order_is_id(id))
        return tn_fail(TN_ERR_FORMAT, "the name is no id: up to %d of A-Z a-z 0-9 - _ .",
                       TN_RUN_ORDER_ID);
    TN_TRY(tn_runs_read_whole(&text, &bytes, l->dir, folder, name, TN_RUN_ORDER_MOST_BYTES));
    const tn_status status = tn_run_order_read(out, text, bytes);
    tn_free(text);
    snprintf(out->id, sizeof out->id, "%.*s", TN_RUN_ORDER_ID, id);
    return status;
}

/* Is it to be obeyed now? One for later stays; one that is withdrawn meanwhile is none. */
static bool take(tn_run *run, const listing *l, const char *name, tn_run_order *out)
{
    char why[500], taken[NAME_MAX + 16];
    const tn_status status = read_order(l, name, out);
    if (status == TN_END)
        return false;
    if (status == TN_ERR_MEMORY) {
        run->watch.young = true; /* at the next step again */
        return false;
    }
    if (status != TN_OK) {
        snprintf(why, sizeof why, "%s", tn_error());
        refuse(run, l, name, why);
        return false;
    }
    if (run->log.failing && out->kind != TN_RUN_ORDER_STOP) {
        run->watch.young = true; /* nobody would know what was obeyed: when there is room again */
        return false;
    }
    if (out->at_step > run->step) {
        run->watch.due = out->at_step < run->watch.due ? out->at_step : run->watch.due;
        return false;
    }
    if (out->at_step >= 0 && out->at_step < run->step) {
        snprintf(why, sizeof why, "step %lld is over: the run is at step %lld",
                 (long long)out->at_step, (long long)run->step);
        refuse(run, l, name, why);
        return false;
    }
    snprintf(taken, sizeof taken, "%s.taken", out->id);
    return renameat(l->dir, name, l->dir, taken) == 0;
}

/* The next one that is due; of kind TN_RUN_ORDER_NONE if there is none. What is no order is answered on the way. */
static void next_order(tn_run *run, listing *l, tn_run_order *out)
{
    tn_run_recalled(run, out);
    if (out->kind != TN_RUN_ORDER_NONE)
        return;
    while (l->next < l->count && !run->watch.blind)
        if (take(run, l, l->name[l->next++], out))
            return;
    *out = (tn_run_order){0};
}

static void answer(tn_run *run, const listing *l, const tn_run_order *order, const char *why)
{
    char taken[NAME_MAX + 16];
    tell(run, order->id, order, why);
    snprintf(taken, sizeof taken, "%s.taken", order->id);
    (void)unlinkat(l->dir, taken, 0); /* what stays is no order any more */
}

bool tn_run_stop_ordered(const tn_run_folder *f)
{
    tn_run run = {.folder = *f};
    listing l = {.dir = -1};
    tn_run_order order;
    tn_error_kept kept;
    bool found = false;
    tn_error_keep(&kept);
    list(&run, &l);
    for (; l.next < l.count && !found; l.next++)
        found = read_order(&l, l.name[l.next], &order) == TN_OK &&
                order.kind == TN_RUN_ORDER_STOP && order.at_step <= 0 &&
                unlinkat(l.dir, l.name[l.next], 0) == 0;
    listing_free(&l);
    tn_error_put_back(&kept);
    return found;
}

/* ---- obeying ---------------------------------------------------------------------------------- */

tn_status tn_run_settle(tn_run *run, const tn_run_set *set)
{
    tn_optim_settings now;
    if (!run->opts.folder)
        return TN_OK;
    TN_TRY(tn_plan_optim(run->opts.plan, &now));
    if (now.momentum == set->momentum && now.weight_decay == set->decay &&
        now.clip_norm == set->clip)
        return TN_OK;
    return tn_plan_set_optim(run->opts.plan,
                             &(tn_optim_settings){set->momentum, set->decay, set->clip});
}

static tn_status check(const tn_run *run, const tn_run_set *set)
{
    if (set->epochs == run->now.set.epochs)
        return TN_OK;
    if (run->now.set.epochs == 0)
        return tn_fail(TN_ERR_ARGUMENT, "epochs: this run has no number of them");
    if (set->epochs <= run->epoch)
        return tn_fail(TN_ERR_ARGUMENT, "epochs: %lld are too few: epoch %lld is being trained",
                       (long long)set->epochs, (long long)run->epoch + 1);
    return TN_OK;
}

/* In all ranks alike. *why: "" if it is obeyed. */
static tn_status obey(tn_run *run, const tn_run_order *order, bool *stop, bool *save, char why[500])
{
    tn_run_set set = run->now.set;
    tn_run_order_apply(order, &set);
    *why = '\0';
    tn_status status = check(run, &set);
    if (status == TN_OK)
        status = tn_run_settle(run, &set);
    if (status == TN_ERR_ARGUMENT) {
        snprintf(why, 500, "%s", tn_error());
        return TN_OK;
    }
    TN_TRY(status);
    run->now.set = set;
    *stop |= order->kind == TN_RUN_ORDER_STOP;
    *save |= order->kind == TN_RUN_ORDER_SNAPSHOT;
    run->now.evaluate |= order->kind == TN_RUN_ORDER_EVALUATE;
    return TN_OK;
}

tn_status tn_run_control(tn_run *run, bool *stop, bool *save)
{
    listing l = {.dir = -1};
    tn_status status = TN_OK;
    tn_error_kept kept;
    tn_error_keep(&kept);
    if (run->writes)
        list(run, &l);
    while (status == TN_OK) {
        char why[500];
        tn_run_order order = {0};
        if (run->writes)
            next_order(run, &l, &order);
        status = tn_run_share(run, &order, sizeof order);
        if (status != TN_OK || order.kind == TN_RUN_ORDER_NONE)
            break;
        status = obey(run, &order, stop, save, why);
        if (status == TN_OK && run->writes)
            answer(run, &l, &order, *why ? why : NULL);
    }
    listing_free(&l);
    if (status == TN_OK)
        tn_error_put_back(&kept);
    return status;
}
