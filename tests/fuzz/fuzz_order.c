/*
 * What others put into a run's control/ and into a queue: orders, tickets, names of devices, and orders told by a log. The first
 * byte says which. Whatever it is, it is one within its bounds or an error of one line.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "runs/order.h"
#include "runs/ticket.h"

const int fuzz_rounds = 30000;

static void check_order(const tn_run_order *o)
{
    tn_run_set set = {0};
    tn_run_order_apply(o, &set);
    if (o->kind < TN_RUN_ORDER_SET || o->kind > TN_RUN_ORDER_EVALUATE || o->at_step < -1 ||
        (o->kind == TN_RUN_ORDER_SET) != (o->given != 0) || !(set.momentum < 1) ||
        !isfinite(set.rate_scale) || !isfinite(set.clip) || set.keep < 0 || set.epochs < 0 ||
        strlen(o->by) > TN_RUN_ORDER_BY || strlen(o->id) > TN_RUN_ORDER_ID)
        abort();
}

static void check_wants(const tn_wants *w)
{
    if (!w->kind[0] || strlen(w->kind) > TN_SLOT_KIND || w->named < 0 || w->named > TN_WANTS_MOST ||
        w->count < 0)
        abort();
}

static void check_error(void)
{
    if (!*tn_error() || strpbrk(tn_error(), "\n\r"))
        abort();
}

static void read_device(const char *text)
{
    tn_wants wants;
    if (tn_wants_read(&wants, text) != TN_OK) {
        check_error();
        return;
    }
    check_wants(&wants);
    if (wants.named > 0 || strcmp(wants.kind, "cpu") == 0)
        return;
    char *name = tn_wants_name(text, (const int[]){3, 0}, 2);
    tn_wants again;
    if (!name || tn_wants_read(&again, name) != TN_OK || again.named != 2 || again.index[1] != 0 ||
        strcmp(again.kind, wants.kind) != 0)
        abort();
    tn_free(name);
}

static void read_one(int which, const char *text, size_t size)
{
    tn_run_order order;
    tn_ticket ticket;
    if (which == 0) {
        if (tn_run_order_read(&order, text, size) == TN_OK)
            check_order(&order);
        else
            check_error();
    } else if (which == 1) {
        if (tn_run_order_of_line(&order, text))
            check_order(&order);
    } else if (which == 2) {
        if (tn_ticket_read(&ticket, text, size) == TN_OK)
            check_wants(&ticket.wants);
        else
            check_error();
    } else {
        read_device(text);
        if (tn_ticket_number(text) < -1)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    enum { KINDS = 4 };
    if (size == 0)
        return 0;
    char *text = tn_alloc(size, 1); /* without the first, with a 0 behind */
    if (!text)
        abort();
    memcpy(text, bytes + 1, size - 1);
    read_one(bytes[0] % KINDS, text, size - 1);
    tn_free(text);
    if (tn_alloc_live() != 0)
        abort();
    return 0;
}

void fuzz_seeds(void (*seed)(void *arg, const uint8_t *bytes, size_t size), void *arg)
{
    static const char *const seeds[] = {
        "\0{\"v\":1,\"order\":\"set\",\"set\":{\"rate_scale\":0.1,\"momentum\":0.5,\"decay\":1e-4,"
        "\"clip\":2},\"at_step\":5200,\"by\":\"anna\"}",
        "\0{\"v\":1,\"order\":\"set\",\"set\":{\"epochs\":5,\"patience\":0,\"keep\":1,\"log_"
        "every\":7}}",
        "\0{\"v\":1,\"order\":\"stop\"}",
        "\1{\"e\":\"order\",\"t\":1.5,\"step\":12,\"id\":\"a-1\",\"by\":\"b\",\"order\":\"set\","
        "\"set\":{"
        "\"keep\":3},\"applied\":true}",
        "\1{\"e\":\"order\",\"step\":12,\"id\":\"a-1\",\"order\":\"evaluate\",\"applied\":true}",
        "\2{\"v\":1,\"name\":\"x\",\"device\":\"cuda:0-3,2\",\"pid\":1,\"host_bytes\":12345,"
        "\"device_bytes\":"
        "1,\"run\":null}",
        "\2{\"device\":\"cpu,threads=4\",\"host_bytes\":0}",
        "\3cuda:0,2-5,graph=off",
        "\3cpu:0-1,threads=2",
        "\3cuda:all",
        "\3mpi",
        "\00300000042-name",
    };
    for (size_t i = 0; i < TN_COUNT(seeds); i++)
        seed(arg, (const uint8_t *)seeds[i], 1 + strlen(seeds[i] + 1));
}
