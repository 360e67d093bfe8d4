/* Tickets, and what a device's name says about slots. */
#include "runs/ticket.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "runs/read.h"

/* ---- devices ---------------------------------------------------------------------------------- */

/* A number, up to 9999; -1: there is none. */
static int read_number(const char **at)
{
    int number = -1;
    for (int digits = 0; isdigit((unsigned char)**at); (*at)++)
        if (++digits <= 4)
            number = 10 * (number < 0 ? 0 : number) + (**at - '0');
        else
            return -1;
    return number;
}

static bool add_index(tn_wants *w, int index)
{
    for (int i = 0; i < w->named; i++)
        if (w->index[i] == index)
            return false;
    if (w->named == TN_WANTS_MOST)
        return false;
    w->index[w->named++] = index;
    return true;
}

/* "0", "0-3", "0,2", up to a comma with a word behind it. */
static bool read_indices(tn_wants *w, const char **at)
{
    for (;;) {
        const int first = read_number(at);
        int last = first;
        if (first >= 0 && **at == '-') {
            ++*at;
            last = read_number(at);
        }
        if (first < 0 || last < first)
            return false;
        for (int i = first; i <= last; i++)
            if (!add_index(w, i))
                return false;
        if (**at != ',' || !isdigit((unsigned char)(*at)[1]))
            return true;
        ++*at;
    }
}

/* What `threads` says of the cores; all without it. */
static bool read_threads(tn_wants *w, const char *options)
{
    static const char word[] = ",threads=";
    const char *at = strstr(options, word);
    w->count = 0;
    if (!at)
        return true;
    at += strlen(word);
    w->count = read_number(&at);
    return w->count > 0 && (*at == '\0' || *at == ',');
}

static bool read_device(tn_wants *w, const char *at)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    const size_t length = strspn(at, letters);
    if (length == 0 || length > TN_SLOT_KIND)
        return false;
    memcpy(w->kind, at, length);
    at += length;
    w->count = 1;
    if (*at == ':' && strcspn(at + 1, ",") == 3 && strncmp(at + 1, "all", 3) == 0) {
        w->count = 0;
        at += 4;
    } else if (*at == ':') {
        at++;
        if (!read_indices(w, &at))
            return false;
    }
    if (*at != '\0' && (*at != ',' || !isalpha((unsigned char)at[1])))
        return false; /* options begin with a letter */
    if (strcmp(w->kind, "cpu") != 0)
        return true;
    w->named = 0; /* these are replicas, which share cores */
    return read_threads(w, at);
}

tn_status tn_wants_read(tn_wants *out, const char *device)
{
    *out = (tn_wants){0};
    if (strncmp(device, "mpi", 3) == 0 && strcspn(device, ":,") == 3)
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "queue: \"%.80s\" is several processes, which mpirun starts: they cannot "
                       "wait as one",
                       device);
    if (read_device(out, device))
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT,
                   "queue: \"%.80s\" is no device: \"cuda:0-3\", \"cpu,threads=2\"", device);
}

char *tn_wants_name(const char *device, const int *index, int count)
{
    enum { EACH = 6 };
    char numbers[EACH * TN_WANTS_MOST] = "";
    size_t used = 0;
    const char *options = device + strcspn(device, ":,");
    const int kind = (int)(options - device);
    if (*options == ':' && strncmp(options, ":all", 4) == 0)
        options += 4;
    for (int i = 0; i < count; i++)
        used += (size_t)snprintf(numbers + used, sizeof numbers - used, "%c%d", i ? ',' : ':',
                                 index[i]);
    return tn_format("%.*s%s%s", kind, device, numbers, options);
}

/* ---- tickets ---------------------------------------------------------------------------------- */

int64_t tn_ticket_number(const char *name)
{
    const size_t digits = strspn(name, "0123456789");
    int64_t number = 0;
    if (digits < 8 || digits > 15 || name[digits] != '-')
        return -1;
    for (size_t i = 0; i < digits; i++)
        number = 10 * number + (name[i] - '0');
    return number;
}

tn_status tn_ticket_read(tn_ticket *out, const char *text, size_t size)
{
    *out = (tn_ticket){0};
    cJSON *object = size <= TN_TICKET_MOST_BYTES ? tn_json_object(text, size) : NULL;
    const cJSON *device = cJSON_GetObjectItemCaseSensitive(object, "device");
    const int64_t bytes = tn_json_whole(cJSON_GetObjectItemCaseSensitive(object, "host_bytes"));
    tn_status status = TN_OK;
    if (!cJSON_IsString(device) || bytes < 0)
        status = tn_fail(TN_ERR_FORMAT, "a ticket of a queue without device and host_bytes");
    else
        status = tn_wants_read(&out->wants, device->valuestring);
    out->host_bytes = bytes < 0 ? 0 : (uint64_t)bytes;
    cJSON_Delete(object);
    return status;
}
