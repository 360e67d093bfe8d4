/*
 * Orders that a run obeyed, told again: to the run itself, when it goes on from a step before them, and to another that
 * repeats it. Those to stop are not: who resumes or repeats a run wants it to go on.
 */
#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tenon/runs.h>

#include "runs/order.h"

/* ---- to itself ---------------------------------------------------------------------------------- */

/* Of a run that was resumed twice the log may tell twice of one. */
static void forget(tn_run *run, const tn_run_order *order)
{
    for (size_t i = 0; i < run->num_before; i++) {
        tn_run_told *t = &run->before[i];
        tn_run_order other;
        if (t->kind == TN_TOLD_ORDER && t->step == order->at_step && t->text &&
            tn_run_order_of_line(&other, t->text) && strcmp(other.id, order->id) == 0) {
            tn_free(t->text);
            t->text = NULL;
        }
    }
}

void tn_run_recalled(tn_run *run, tn_run_order *out)
{
    for (size_t i = 0; i < run->num_before; i++) {
        const tn_run_told *t = &run->before[i];
        if (t->kind != TN_TOLD_ORDER || t->step != run->step || !t->text ||
            !tn_run_order_of_line(out, t->text) || out->kind == TN_RUN_ORDER_STOP)
            continue;
        forget(run, out);
        return;
    }
    *out = (tn_run_order){0};
}

int64_t tn_run_recalled_next(const tn_run *run)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < run->num_before; i++) {
        const tn_run_told *t = &run->before[i];
        if (t->kind == TN_TOLD_ORDER && t->text && t->step > run->step && t->step < next)
            next = t->step;
    }
    return next;
}

static bool is_answered(const tn_run_scan *log, const char *id)
{
    tn_run_order order;
    for (size_t i = 0; i < log->count; i++)
        if (log->told[i].kind == TN_TOLD_ORDER && log->told[i].text &&
            tn_run_order_of_line(&order, log->told[i].text) && strcmp(order.id, id) == 0)
            return true;
    return false;
}

/* Killed between taking an order and telling of it. */
void tn_run_recall(const tn_run *run, const tn_run_scan *log)
{
    static const char ending[] = ".taken";
    const int fd = openat(run->folder.dir, "control", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (const struct dirent *e; (e = readdir(d));) {
        char id[NAME_MAX + 1], back[NAME_MAX + 16];
        const size_t length = strlen(e->d_name), end = strlen(ending);
        if (length <= end || strcmp(e->d_name + length - end, ending) != 0)
            continue;
        snprintf(id, sizeof id, "%.*s", (int)(length - end), e->d_name);
        snprintf(back, sizeof back, "%s.json", id);
        if (is_answered(log, id))
            (void)unlinkat(fd, e->d_name, 0);
        else
            (void)renameat(fd, e->d_name, fd, back);
    }
    closedir(d);
}

bool tn_run_owes_evaluation(const tn_run_scan *log, int64_t step)
{
    bool owes = false;
    for (size_t i = 0; i < log->count; i++) {
        const tn_run_told *t = &log->told[i];
        tn_run_order order;
        if (t->step == step && t->kind == TN_TOLD_EVALUATED)
            owes = false;
        if (t->step == step && t->kind == TN_TOLD_ORDER && t->text &&
            tn_run_order_of_line(&order, t->text) && order.kind == TN_RUN_ORDER_EVALUATE)
            owes = true;
    }
    return owes;
}

/* ---- to another --------------------------------------------------------------------------------- */

static tn_status make_folders(const char *to)
{
    char *control = tn_format("%s/control", to);
    if (!control)
        return tn_no_memory("orders", strlen(to));
    const bool made =
        (mkdir(to, 0777) == 0 || errno == EEXIST) && (mkdir(control, 0777) == 0 || errno == EEXIST);
    const tn_status status =
        made ? TN_OK : tn_fail(TN_ERR_IO, "%s: cannot be made: %s", control, strerror(errno));
    tn_free(control);
    return status;
}

tn_status tn_run_repeat_orders(const char *from, const char *to)
{
    TN_NEED(from, "from");
    TN_NEED(to, "to");
    tn_run_scan log;
    char *path = tn_format("%s/log.jsonl", from);
    if (!path)
        return tn_no_memory("orders", strlen(from));
    tn_status status = tn_run_scan_log(&log, path);
    tn_free(path);
    if (status == TN_OK)
        status = make_folders(to);
    for (size_t i = 0; status == TN_OK && i < log.count; i++) {
        tn_run_order order;
        if (log.told[i].kind == TN_TOLD_ORDER && tn_run_order_of_line(&order, log.told[i].text) &&
            order.kind != TN_RUN_ORDER_STOP)
            status = tn_run_order_put(to, &order);
    }
    tn_run_scan_free(&log);
    return status;
}
