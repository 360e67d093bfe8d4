/*
 * TensorBoard's event files: frames (TFRecord) around messages of protobuf, by hand.
 *
 *   frame         length u64, masked CRC-32C of it u32, message, masked CRC-32C of that u32; little endian
 *   Event         1 wall_time double, 2 step int64, 3 file_version string, 5 Summary, 7 SessionLog
 *   Summary       1 Value, repeated
 *   Value         1 tag string, 2 simple_value float, 8 TensorProto, 9 Metadata
 *   TensorProto   1 dtype (7: string), 2 shape { 2 dim { 1 size } }, 8 string_val
 *   Metadata      1 plugin_data { 1 plugin_name }, 4 data_class (2: tensor)
 *   SessionLog    1 status (1: START); at step S: readers drop what they have of steps >= S
 *
 * Source: tensorflow/core/util/event.proto, tensorflow/core/framework/{summary,tensor}.proto,
 * tensorflow/core/lib/io/record_writer.h; CRC-32C: RFC 3720.
 */
#define _DEFAULT_SOURCE /* POSIX 2008, gethostname */

#include "runs/tfevents.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- frames ----------------------------------------------------------------------------------- */

static void make_table(uint32_t *table)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? c >> 1 ^ 0x82F63B78U : c >> 1;
        table[i] = c;
    }
}

static uint32_t masked_crc(const uint32_t *table, const char *data, size_t bytes)
{
    uint32_t c = ~0U;
    for (size_t i = 0; i < bytes; i++)
        c = table[(c ^ (unsigned char)data[i]) & 255] ^ c >> 8;
    c = ~c;
    return (c >> 15 | c << 17) + 0xA282EAD8U;
}

static void to_little(char *to, uint64_t number, int bytes)
{
    for (int i = 0; i < bytes; i++)
        to[i] = (char)(number >> 8 * i & 255);
}

/* ---- messages --------------------------------------------------------------------------------- */

static void put(tn_proto *p, const void *data, size_t bytes)
{
    while (!p->failed && p->capacity - p->length < bytes)
        p->failed = tn_grow((void **)&p->at, p->capacity, &p->capacity, 1, "event") != TN_OK;
    if (p->failed || bytes == 0)
        return;
    memcpy(p->at + p->length, data, bytes);
    p->length += bytes;
}

static void clear(tn_proto *p)
{
    p->length = 0;
    p->failed = false;
}

static void put_varint(tn_proto *p, uint64_t number)
{
    do {
        const char c = (char)((number & 127) | (number > 127 ? 128 : 0));
        put(p, &c, 1);
    } while (number >>= 7);
}

enum { VARINT, FIXED_64, BYTES, FIXED_32 = 5 }; /* protobuf's wire types */

static void put_key(tn_proto *p, int field, int wire)
{
    put_varint(p, (uint64_t)(field << 3 | wire));
}

static void put_number(tn_proto *p, int field, int64_t number)
{
    put_key(p, field, VARINT);
    put_varint(p, (uint64_t)number);
}

static void put_double(tn_proto *p, int field, double number)
{
    uint64_t bits;
    char little[8];
    memcpy(&bits, &number, sizeof bits);
    to_little(little, bits, 8);
    put_key(p, field, FIXED_64);
    put(p, little, sizeof little);
}

static void put_float(tn_proto *p, int field, float number)
{
    uint32_t bits;
    char little[4];
    memcpy(&bits, &number, sizeof bits);
    to_little(little, bits, 4);
    put_key(p, field, FIXED_32);
    put(p, little, sizeof little);
}

static void put_bytes(tn_proto *p, int field, const char *data, size_t bytes)
{
    put_key(p, field, BYTES);
    put_varint(p, bytes);
    put(p, data, bytes);
}

static void put_text(tn_proto *p, int field, const char *text)
{
    put_bytes(p, field, text, strlen(text));
}

static void put_message(tn_proto *p, int field, const tn_proto *message)
{
    p->failed |= message->failed;
    put_bytes(p, field, message->at, message->length);
}

/* ---- events ----------------------------------------------------------------------------------- */

static void begin(tn_events *e, int64_t step)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    clear(&e->event);
    put_double(&e->event, 1, (double)now.tv_sec + (double)now.tv_nsec / 1e9);
    if (step)
        put_number(&e->event, 2, step);
}

/* To the file with the next flush. Where there was no memory for it, it is lost; the log has it all the same. */
static void end(tn_events *e)
{
    char head[12], tail[4];
    if (e->event.failed) {
        e->file.lost++;
        return;
    }
    to_little(head, e->event.length, 8);
    to_little(head + 8, masked_crc(e->crc, head, 8), 4);
    to_little(tail, masked_crc(e->crc, e->event.at, e->event.length), 4);
    clear(&e->summary);
    put(&e->summary, head, sizeof head);
    put(&e->summary, e->event.at, e->event.length);
    put(&e->summary, tail, sizeof tail);
    if (e->summary.failed)
        e->file.lost++;
    else
        tn_append_later(&e->file, e->summary.at, e->summary.length);
}

static void end_value(tn_events *e)
{
    clear(&e->summary);
    put_message(&e->summary, 1, &e->value);
    put_message(&e->event, 5, &e->summary);
    end(e);
}

void tn_events_scalar(tn_events *e, int64_t step, const char *tag, double number)
{
    if (!e->open)
        return;
    tn_error_kept kept;
    tn_error_keep(&kept);
    begin(e, step);
    clear(&e->value);
    put_text(&e->value, 1, tag);
    put_float(&e->value, 2, (float)number);
    end_value(e);
    tn_error_put_back(&kept);
}

void tn_events_text(tn_events *e, int64_t step, const char *tag, const char *markdown)
{
    static const char shape_of_one[] = {2 << 3 | BYTES, 2, 1 << 3 | VARINT, 1};
    static const char plugin[] = {1 << 3 | BYTES, 4, 't', 'e', 'x', 't'};
    if (!e->open)
        return;
    tn_error_kept kept;
    tn_error_keep(&kept);
    begin(e, step);
    clear(&e->value);
    clear(&e->summary); /* the tensor, then the metadata */
    put_text(&e->value, 1, tag);
    put_number(&e->summary, 1, 7);
    put_bytes(&e->summary, 2, shape_of_one, sizeof shape_of_one);
    put_text(&e->summary, 8, markdown);
    put_message(&e->value, 8, &e->summary);
    clear(&e->summary);
    put_bytes(&e->summary, 1, plugin, sizeof plugin);
    put_number(&e->summary, 4, 2);
    put_message(&e->value, 9, &e->summary);
    end_value(e);
    tn_error_put_back(&kept);
}

void tn_events_flush(tn_events *e)
{
    if (e->open)
        tn_append_flush(&e->file);
}

/* ---- files ------------------------------------------------------------------------------------ */

static const char prefix[] = "events.out.tfevents.";

/* Readers take files in the order of their names: later than all that are there. */
static long long name_after_all(int dir)
{
    long long latest = (long long)time(NULL) - 1;
    const int fd = openat(dir, "events", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    for (const struct dirent *f; d && (f = readdir(d));) {
        long long when;
        if (strncmp(f->d_name, prefix, sizeof prefix - 1) == 0 &&
            sscanf(f->d_name + sizeof prefix - 1, "%10lld", &when) == 1 && when > latest)
            latest = when;
    }
    if (d)
        closedir(d);
    else if (fd >= 0)
        close(fd);
    return latest + 1;
}

static tn_status make_file(tn_events *e, int dir, const char *path)
{
    char host[64] = "", name[160];
    (void)gethostname(host, sizeof host - 1);
    for (char *c = host; *c; c++)
        if (*c == '/')
            *c = '_';
    snprintf(name, sizeof name, "events/%s%010lld.%s.%ld.0", prefix, name_after_all(dir),
             host[0] ? host : "host", (long)getpid());
    char *whole = tn_format("%s/%s", path, name);
    if (!whole)
        return tn_no_memory("events", sizeof name);
    const tn_status status = tn_append_open(&e->file, dir, name, whole, false);
    tn_free(whole);
    return status;
}

void tn_events_restart(tn_events *e, int64_t step)
{
    if (!e->open)
        return;
    clear(&e->value);
    put_number(&e->value, 1, 1);
    begin(e, step);
    put_message(&e->event, 7, &e->value);
    end(e);
}

tn_status tn_events_open(tn_events *e, int dir, const char *path, int64_t restart)
{
    *e = (tn_events){.file.fd = -1};
    make_table(e->crc);
    TN_TRY(make_file(e, dir, path));
    e->open = true;
    begin(e, 0);
    put_text(&e->event, 3, "brain.Event:2");
    end(e);
    if (restart > 0)
        tn_events_restart(e, restart);
    tn_events_flush(e);
    return TN_OK;
}

void tn_events_close(tn_events *e)
{
    if (!e->open)
        return;
    tn_events_flush(e);
    tn_append_close(&e->file);
    tn_free(e->value.at);
    tn_free(e->summary.at);
    tn_free(e->event.at);
    *e = (tn_events){.file.fd = -1};
}
