/* Orders: read whole or refused with the reason, written, applied. */
#include "runs/order.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/aside.h"
#include "runs/read.h"

static const char *const kinds[] = {[TN_RUN_ORDER_SET] = "set",
                                    [TN_RUN_ORDER_STOP] = "stop",
                                    [TN_RUN_ORDER_SNAPSHOT] = "snapshot",
                                    [TN_RUN_ORDER_EVALUATE] = "evaluate"};

/* ---- what may be set -------------------------------------------------------------------------- */

typedef enum field_type { REAL, F32, COUNT, INT } field_type;

static const struct {
    const char *name;
    field_type type;
    size_t at;
    double least, most;
} fields[] = {
    {"rate_scale", REAL, offsetof(tn_run_set, rate_scale), 0, 1e6},
    {"momentum", F32, offsetof(tn_run_set, momentum), 0, 1 - (double)FLT_EPSILON / 2},
    {"decay", F32, offsetof(tn_run_set, decay), 0, 1e6},
    {"clip", F32, offsetof(tn_run_set, clip), 0, 1e30},
    {"epochs", COUNT, offsetof(tn_run_set, epochs), 1, 1e9},
    {"patience", COUNT, offsetof(tn_run_set, patience), 0, 1e9},
    {"keep", INT, offsetof(tn_run_set, keep), 1, 1e6},
    {"log_every", COUNT, offsetof(tn_run_set, log_every), 1, 1e9},
};
_Static_assert(sizeof fields / sizeof *fields == TN_RUN_ORDER_FIELDS, "room for each");

void tn_run_order_apply(const tn_run_order *order, tn_run_set *set)
{
    for (int i = 0; i < TN_RUN_ORDER_FIELDS; i++) {
        void *to = (char *)set + fields[i].at;
        const double number = order->set[i];
        if (!(order->given & 1U << i))
            continue;
        if (fields[i].type == REAL)
            *(double *)to = number;
        else if (fields[i].type == F32)
            *(float *)to = (float)number;
        else if (fields[i].type == COUNT)
            *(int64_t *)to = (int64_t)number;
        else
            *(int *)to = (int)number;
    }
}

static int find_field(const char *name)
{
    for (int i = 0; i < TN_RUN_ORDER_FIELDS; i++)
        if (strcmp(fields[i].name, name) == 0)
            return i;
    return -1;
}

static tn_status set_field(tn_run_order *order, const char *name, double number, bool is_number)
{
    const int i = find_field(name);
    if (i < 0)
        return tn_fail(TN_ERR_ARGUMENT,
                       "\"%.80s\" cannot be set while a run trains (a new run can begin from its "
                       "checkpoint); rate_scale, momentum, decay, clip, epochs, patience, keep and "
                       "log_every can",
                       name);
    if (order->given & 1U << i)
        return tn_fail(TN_ERR_FORMAT, "set: %s is there twice", name);
    if (!is_number)
        return tn_fail(TN_ERR_FORMAT, "set: %s is no number", name);
    const bool is_whole = fields[i].type == COUNT || fields[i].type == INT;
    if (!(number >= fields[i].least && number <= fields[i].most) ||
        (is_whole && floor(number) != number))
        return tn_fail(TN_ERR_ARGUMENT, "set: %s is %.9g, not a %snumber from %.9g to %.9g", name,
                       number, is_whole ? "whole " : "", fields[i].least, fields[i].most);
    order->given |= 1U << i;
    order->set[i] = number;
    return TN_OK;
}

/* ---- reading ---------------------------------------------------------------------------------- */

bool tn_run_order_is_id(const char *id)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    const size_t length = strspn(id, letters);
    return length > 0 && !id[length] && length <= TN_RUN_ORDER_ID && *id != '.';
}

static tn_run_order_kind find_kind(const char *name)
{
    for (int i = TN_RUN_ORDER_SET; i <= TN_RUN_ORDER_EVALUATE; i++)
        if (strcmp(kinds[i], name) == 0)
            return (tn_run_order_kind)i;
    return TN_RUN_ORDER_NONE;
}

static tn_status read_version(tn_run_order *order, const cJSON *m)
{
    (void)order;
    if (cJSON_IsNumber(m) && m->valuedouble == TN_RUN_VERSION)
        return TN_OK;
    return tn_fail(TN_ERR_FORMAT, "v is not %d: the order is of another version", TN_RUN_VERSION);
}

static tn_status read_kind(tn_run_order *order, const cJSON *m)
{
    order->kind = cJSON_IsString(m) ? find_kind(m->valuestring) : TN_RUN_ORDER_NONE;
    if (order->kind != TN_RUN_ORDER_NONE)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT,
                   "there is no order \"%.80s\"; there are set, stop, snapshot, evaluate",
                   cJSON_IsString(m) ? m->valuestring : "");
}

static tn_status read_set(tn_run_order *order, const cJSON *m)
{
    const cJSON *item;
    if (!cJSON_IsObject(m) || !m->child)
        return tn_fail(TN_ERR_FORMAT, "set is no object with something to set");
    cJSON_ArrayForEach(item, m)
        TN_TRY(set_field(order, item->string, item->valuedouble, cJSON_IsNumber(item)));
    return TN_OK;
}

static tn_status read_at_step(tn_run_order *order, const cJSON *m)
{
    order->at_step = tn_json_whole(m);
    return order->at_step >= 0 ? TN_OK
                               : tn_fail(TN_ERR_FORMAT, "at_step is no whole number from 0 on");
}

static tn_status read_by(tn_run_order *order, const cJSON *m)
{
    if (!cJSON_IsString(m) || strlen(m->valuestring) > TN_RUN_ORDER_BY)
        return tn_fail(TN_ERR_FORMAT, "by is no text of at most %d bytes", TN_RUN_ORDER_BY);
    snprintf(order->by, sizeof order->by, "%s", m->valuestring);
    return TN_OK;
}

static tn_status read_members(tn_run_order *order, const cJSON *object)
{
    enum { V, ORDER, SET };
    static const struct {
        const char *name;
        tn_status (*read)(tn_run_order *, const cJSON *);
    } members[] = {[V] = {"v", read_version},
                   [ORDER] = {"order", read_kind},
                   [SET] = {"set", read_set},
                   {"at_step", read_at_step},
                   {"by", read_by}};
    unsigned seen = 0;
    const cJSON *m;
    cJSON_ArrayForEach(m, object)
    {
        size_t i = 0;
        while (i < TN_COUNT(members) && strcmp(members[i].name, m->string) != 0)
            i++;
        if (i == TN_COUNT(members))
            return tn_fail(TN_ERR_FORMAT, "an order has no member \"%.80s\"", m->string);
        if (seen & 1U << i)
            return tn_fail(TN_ERR_FORMAT, "%s is there twice", members[i].name);
        seen |= 1U << i;
        TN_TRY(members[i].read(order, m));
    }
    if (!(seen & 1U << V) || !(seen & 1U << ORDER))
        return tn_fail(TN_ERR_FORMAT, "%s is missing", seen & 1U << V ? "order" : "v");
    if ((order->kind == TN_RUN_ORDER_SET) != (seen >> SET & 1))
        return tn_fail(TN_ERR_FORMAT, "set is %s in the order %s",
                       seen >> SET & 1 ? "of no use" : "missing", kinds[order->kind]);
    return TN_OK;
}

tn_status tn_run_order_read(tn_run_order *out, const char *text, size_t size)
{
    *out = (tn_run_order){.at_step = -1};
    if (size > TN_RUN_ORDER_MOST_BYTES)
        return tn_fail(TN_ERR_FORMAT, "the order has %zu bytes, more than %d", size,
                       TN_RUN_ORDER_MOST_BYTES);
    cJSON *object = tn_json_object(text, size);
    if (!object)
        return tn_fail(TN_ERR_FORMAT, "the order is no JSON object");
    const tn_status status = read_members(out, object);
    cJSON_Delete(object);
    return status;
}

static bool read_line(tn_run_order *out, const cJSON *line)
{
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(line, "id"),
                *by = cJSON_GetObjectItemCaseSensitive(line, "by"),
                *set = cJSON_GetObjectItemCaseSensitive(line, "set");
    *out = (tn_run_order){0};
    if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(line, "applied")) || !cJSON_IsString(id) ||
        !tn_run_order_is_id(id->valuestring) ||
        read_kind(out, cJSON_GetObjectItemCaseSensitive(line, "order")) != TN_OK ||
        (by && read_by(out, by) != TN_OK) || (set && read_set(out, set) != TN_OK))
        return false;
    snprintf(out->id, sizeof out->id, "%s", id->valuestring);
    out->at_step = tn_json_whole(cJSON_GetObjectItemCaseSensitive(line, "step"));
    return out->at_step >= 0 && (out->kind == TN_RUN_ORDER_SET) == (out->given != 0);
}

bool tn_run_order_of_line(tn_run_order *out, const char *text)
{
    tn_error_kept kept;
    tn_error_keep(&kept);
    cJSON *line = tn_json_object(text, strlen(text));
    const bool is_order = line && read_line(out, line);
    cJSON_Delete(line);
    tn_error_put_back(&kept);
    return is_order;
}

/* ---- writing ---------------------------------------------------------------------------------- */

void tn_run_order_tell(tn_json *j, const tn_run_order *order)
{
    tn_json_text(j, "order", kinds[order->kind]);
    if (!order->given)
        return;
    tn_json_open(j, "set", '{');
    for (int i = 0; i < TN_RUN_ORDER_FIELDS; i++)
        if (order->given & 1U << i)
            tn_json_real(j, fields[i].name, order->set[i]);
    tn_json_close(j, '}');
}

static void write_order(tn_json *j, const tn_run_order *order)
{
    tn_json_open(j, NULL, '{');
    tn_json_count(j, "v", TN_RUN_VERSION);
    tn_run_order_tell(j, order);
    if (order->at_step >= 0)
        tn_json_count(j, "at_step", order->at_step);
    if (order->by[0])
        tn_json_text(j, "by", order->by);
    tn_json_close(j, '}');
}

tn_status tn_run_order_put(const char *folder, const tn_run_order *order)
{
    tn_aside a;
    tn_json j = {0};
    char *path = tn_format("%s/control/%s.json", folder, order->id);
    write_order(&j, order);
    tn_status status = path ? tn_json_end(&j) : tn_no_memory("order", sizeof *order);
    if (status == TN_OK)
        status = tn_aside_open(&a, path);
    if (status == TN_OK) {
        status = tn_aside_write(&a, j.text, j.length);
        if (status == TN_OK)
            status = tn_aside_place(&a);
        tn_aside_discard(&a);
    }
    tn_json_free(&j);
    tn_free(path);
    return status;
}
