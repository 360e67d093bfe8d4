/*
 * Plans on disk, one a file: $TENON_CACHE, else $XDG_CACHE_HOME/tenon, else ~/.cache/tenon. TENON_CACHE empty
 * or "off": none.
 *
 *     tenon-plan 1 <checksum, 16 hex digits> <bytes of key> <bytes of plan>\n
 *     <engine> <notes> <compiled> <workspace>\n
 *     <key> <plan, as cuDNN writes it>
 *
 * The checksum (64 bit FNV-1a) is of all that follows the first line, because cuDNN does not notice damage in
 * the machine code that a plan holds. The key is our own text, not cuDNN's, which is not the same each time
 * it writes one plan. A file is named after its key's hash; it is written under another name first, so that
 * whoever reads finds all of it or nothing.
 */
#define _POSIX_C_SOURCE 200809L /* fileno, mkdir, getpid, clock_gettime */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backends/cuda/cudnn/parts.h"

#define HEAD "tenon-plan 1 "
enum { MOST_BYTES = 64 << 20, HEAD_BYTES = 96, LINE_BYTES = 96 };

typedef struct hash {
    uint64_t value;
} hash;

static hash hash_begin(void)
{
    return (hash){0xcbf29ce484222325U};
}

static hash hash_add(hash h, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        h.value = (h.value ^ (unsigned char)bytes[i]) * 0x100000001b3U;
    return h;
}

tn_status tn_cudnn_cache_folder(char **out)
{
    const char *own = getenv("TENON_CACHE"), *xdg = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    *out = NULL;
    if (own && (!*own || strcmp(own, "off") == 0))
        return TN_OK;
    if (!own && !(xdg && *xdg) && !(home && *home))
        return TN_OK;
    *out = own           ? tn_copy_text(own)
           : xdg && *xdg ? tn_format("%s/tenon", xdg)
                         : tn_format("%s/.cache/tenon", home);
    return *out ? TN_OK : tn_no_memory("cache", 1);
}

static char *file_of(const tn_backend_device *d, const tn_cudnn_plan *p)
{
    const hash h = hash_add(hash_begin(), p->key, strlen(p->key));
    return tn_format("%s/%016" PRIx64 ".plan", d->cudnn->cache, h.value);
}

/* ---- reading ------------------------------------------------------------------------------ */

/* A file's text, taken apart. */
typedef struct record {
    char *text; /* of it all; the rest points into it */
    const char *key, *json;
    size_t key_bytes, json_bytes;
    tn_cudnn_choice choice;
} record;

static tn_status read_text(FILE *f, const char *path, char **out, size_t *size)
{
    struct stat info;
    if (fstat(fileno(f), &info) != 0 || info.st_size <= 0 || info.st_size > MOST_BYTES)
        return tn_fail(TN_ERR_FORMAT, "%s: not of a size that plans have", path);
    char *text = tn_alloc((size_t)info.st_size + 1, 1);
    if (!text)
        return tn_no_memory(path, (size_t)info.st_size + 1);
    *size = fread(text, 1, (size_t)info.st_size, f);
    *out = text;
    return TN_OK;
}

static bool take_apart(record *r, size_t size, const tn_cudnn_plan *p)
{
    uint64_t checksum;
    unsigned notes;
    int compiled, first = 0, second = 0;
    int64_t engine;
    size_t workspace;
    if (sscanf(r->text, HEAD "%16" SCNx64 " %zu %zu%n", &checksum, &r->key_bytes, &r->json_bytes,
               &first) != 3 ||
        first == 0 || r->text[first] != '\n')
        return false;
    const char *rest = r->text + first + 1;
    const size_t have = size - (size_t)first - 1;
    if (hash_add(hash_begin(), rest, have).value != checksum)
        return false;
    if (sscanf(rest, "%" SCNd64 " %x %d %zu%n", &engine, &notes, &compiled, &workspace, &second) !=
            4 ||
        rest[second] != '\n' || (size_t)second + 1 > have ||
        r->key_bytes > have - (size_t)second - 1 ||
        r->json_bytes != have - (size_t)second - 1 - r->key_bytes)
        return false;
    r->key = rest + second + 1;
    r->json = r->key + r->key_bytes;
    r->choice = (tn_cudnn_choice){engine, notes, compiled != 0, workspace};
    return r->key_bytes == strlen(p->key) && memcmp(r->key, p->key, r->key_bytes) == 0;
}

/* A plan from what it was written as; its workspace must be what it was. */
static bool revive(const tn_backend_device *d, const record *r, tn_cudnn_plan *p)
{
    tn_cudnn_maker m = {0};
    int64_t workspace = -1, one;
    cudnnBackendDescriptor_t plan = tn_cudnn_make(&m, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    tn_cudnn_set_part(&m, plan, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, d->cudnn->device);
    tn_cudnn_set(&m, plan, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                 (int64_t)r->json_bytes, r->json);
    tn_cudnn_finalize(&m, plan);
    if (m.status == CUDNN_STATUS_SUCCESS)
        m.status = cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                            CUDNN_TYPE_INT64, 1, &one, &workspace);
    if (m.status != CUDNN_STATUS_SUCCESS || workspace < 0 ||
        (size_t)workspace != r->choice.workspace) {
        tn_cudnn_unmake(&m, 0);
        return false;
    }
    p->maker = m;
    p->plan = plan;
    p->choice = r->choice;
    return true;
}

tn_status tn_cudnn_cache_load(tn_backend_device *d, tn_cudnn_plan *p)
{
    record r = {0};
    size_t size = 0;
    tn_status status = TN_OK;
    if (!d->cudnn->cache)
        return TN_OK;
    char *path = file_of(d, p);
    if (!path)
        return tn_no_memory("cache", 1);
    FILE *f = fopen(path, "rb");
    if (f) {
        status = read_text(f, path, &r.text, &size);
        p->damaged = status != TN_OK || !take_apart(&r, size, p) || !revive(d, &r, p);
        fclose(f);
    }
    tn_free(r.text);
    tn_free(path);
    return status == TN_ERR_MEMORY ? status : TN_OK;
}

/* ---- writing ------------------------------------------------------------------------------ */

/* Makes a folder with all above it. */
static bool make_folder(const char *path)
{
    char part[1024];
    const size_t length = strlen(path);
    if (length == 0 || length >= sizeof part)
        return false;
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != 0)
            continue;
        memcpy(part, path, i);
        part[i] = 0;
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return false;
    }
    return true;
}

/* The plan as cuDNN writes it, for tn_free(); NULL if it does not. */
static char *write_plan(const tn_cudnn_plan *p, size_t *bytes)
{
    int64_t most = 0, have = 0;
    if (cudnnBackendGetAttribute(p->plan, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION,
                                 CUDNN_TYPE_CHAR, 0, &most, NULL) != CUDNN_STATUS_SUCCESS ||
        most <= 0 || most > MOST_BYTES / 2)
        return NULL;
    char *json = tn_alloc((size_t)most + 1, 1);
    if (json &&
        (cudnnBackendGetAttribute(p->plan, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION,
                                  CUDNN_TYPE_CHAR, most, &have, json) != CUDNN_STATUS_SUCCESS ||
         have <= 0 || have > most)) {
        tn_free(json);
        return NULL;
    }
    *bytes = (size_t)have;
    return json;
}

static bool write_file(FILE *f, const tn_cudnn_plan *p, const char *json, size_t json_bytes)
{
    char line[LINE_BYTES];
    const size_t key_bytes = strlen(p->key);
    const int line_bytes = snprintf(line, sizeof line, "%" PRId64 " %x %d %zu\n", p->choice.engine,
                                    p->choice.notes, p->choice.compiled, p->choice.workspace);
    hash h = hash_add(hash_begin(), line, (size_t)line_bytes);
    h = hash_add(hash_add(h, p->key, key_bytes), json, json_bytes);
    return fprintf(f, HEAD "%016" PRIx64 " %zu %zu\n%s%s", h.value, key_bytes, json_bytes, line,
                   p->key) > 0 &&
           fwrite(json, 1, json_bytes, f) == json_bytes;
}

static void write_to(const char *path, const char *other, const tn_cudnn_plan *p)
{
    size_t json_bytes = 0;
    char *json = write_plan(p, &json_bytes);
    FILE *f = json ? fopen(other, "wbx") : NULL;
    if (f) {
        const bool written = write_file(f, p, json, json_bytes);
        if ((fclose(f) != 0) | !written || rename(other, path) != 0)
            remove(other);
    }
    tn_free(json);
}

/* A name that nobody has: not one that was killed before its rename either, though in containers the number of the
 * process is the same each time. */
static char *other_name(const char *path)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return tn_format("%s.%ld.%lld.%ld", path, (long)getpid(), (long long)now.tv_sec, now.tv_nsec);
}

void tn_cudnn_cache_store(tn_backend_device *d, const tn_cudnn_plan *p)
{
    if (!d->cudnn->cache || !make_folder(d->cudnn->cache))
        return;
    char *path = file_of(d, p);
    char *other = path ? other_name(path) : NULL;
    if (other)
        write_to(path, other, p);
    tn_free(other);
    tn_free(path);
}
