/*
 * What has been made and not been destroyed.
 *
 * A hash table of addresses, with linear probing; what has died stays in it, so that its use can be told
 * from that of something unknown. The runtime never gives an object's memory back for the same reason.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/_runtime.h"

typedef struct entry {
    const char *kind;
    const void *at;
    bool alive;
} entry;

static struct {
    entry *slot;
    size_t slots, used;
} table;

/* Its place in the table, or the empty one where it would go. */
static entry *find(const char *kind, const void *at)
{
    size_t i = (size_t)(((uintptr_t)at >> 4) * 0x9e3779b97f4a7c15u >> 20) & (table.slots - 1);
    while (table.slot[i].kind && (table.slot[i].at != at || strcmp(table.slot[i].kind, kind) != 0))
        i = (i + 1) & (table.slots - 1);
    return &table.slot[i];
}

static void make_room(void)
{
    if (2 * table.used < table.slots)
        return;
    entry *old = table.slot;
    const size_t count = table.slots;
    table.slots = count ? 2 * count : 256;
    table.slot = tn_sim_new(table.slots, sizeof *table.slot);
    for (size_t i = 0; i < count; i++)
        if (old[i].kind)
            *find(old[i].kind, old[i].at) = old[i];
    free(old);
}

void tn_sim_born(const char *kind, const void *object)
{
    tn_sim_lock();
    make_room();
    entry *o = find(kind, object);
    if (o->alive)
        tn_sim_break("destroyed", "%s %p is made twice", kind, object);
    table.used += !o->kind;
    *o = (entry){kind, object, true};
    tn_sim_unlock();
}

void tn_sim_check_alive(const char *kind, const void *object)
{
    tn_sim_lock();
    make_room();
    const entry *o = find(kind, object);
    if (!o->kind)
        tn_sim_break("destroyed", "%p never was a %s", object, kind);
    if (!o->alive)
        tn_sim_break("destroyed", "%s %p is used after it was destroyed", kind, object);
    tn_sim_unlock();
}

void tn_sim_died(const char *kind, const void *object)
{
    tn_sim_lock();
    tn_sim_check_alive(kind, object);
    find(kind, object)->alive = false;
    tn_sim_unlock();
}

/* "2 stream, 1 event", or nothing. */
static void list_leaks(char *text, size_t size)
{
    bool *told = tn_sim_new(table.slots, sizeof *told);
    size_t length = 0;
    for (size_t i = 0; i < table.slots; i++) {
        if (!table.slot[i].alive || told[i])
            continue;
        long count = 0;
        for (size_t k = i; k < table.slots; k++)
            if (table.slot[k].alive && !strcmp(table.slot[k].kind, table.slot[i].kind)) {
                told[k] = true;
                count++;
            }
        if (length < size)
            length += (size_t)snprintf(text + length, size - length, "%s%ld %s", length ? ", " : "",
                                       count, table.slot[i].kind);
    }
    free(told);
}

void tn_sim_check_leaks(void)
{
    char text[512] = "";
    tn_sim_lock();
    list_leaks(text, sizeof text);
    tn_sim_unlock();
    if (text[0])
        tn_sim_break("leak", "still alive: %s", text);
}

/* ---- the end of the process --------------------------------------------------------------- */

static int exit_status;

static void remember_status(int status, void *unused)
{
    (void)unused;
    exit_status = status;
}

/* A module that is unloaded cannot look at the end of the process: this one stays. */
__attribute__((constructor)) static void stay(void)
{
    Dl_info self;
    if (dladdr(&table, &self) && self.dli_fname)
        dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
    on_exit(remember_status, NULL);
}

/* A program that ended with an error of its own may have left anything. */
__attribute__((destructor)) static void check_at_exit(void)
{
    if (exit_status == 0)
        tn_sim_check_leaks();
}
