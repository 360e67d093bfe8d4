/*
 * A .npy file:
 *   6 bytes "\x93NUMPY", 1 byte major version, 1 byte minor,
 *   the length of the rest of the header: u16 (version 1) or u32 (2 and 3), little-endian,
 *   a Python dict as text: {'descr': '|u1', 'fortran_order': False, 'shape': (60, 3), }
 *   spaces and a newline up to a multiple of 64, then the data.
 */
#define _POSIX_C_SOURCE 200809L

#include "data/npy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"

static const char magic[] = "\x93NUMPY";
enum { MAGIC_BYTES = 6, MAX_TEXT = 4096 };

/* numpy's names for our types, little-endian. */
static const char *const descrs[] = {
    [TN_F32] = "<f4", [TN_F16] = "<f2", [TN_BF16] = "none", [TN_I32] = "<i4", [TN_U8] = "|u1"};

void tn_npy_header(char header[TN_NPY_HEADER_BYTES], tn_dtype dtype, const tn_shape *shape)
{
    enum { BEFORE = MAGIC_BYTES + 4, TEXT = TN_NPY_HEADER_BYTES - BEFORE };
    memset(header, ' ', TN_NPY_HEADER_BYTES);
    memcpy(header, magic, MAGIC_BYTES);
    memcpy(header + MAGIC_BYTES, (const unsigned char[]){1, 0, TEXT, 0}, 4);
    char *text = header + BEFORE;
    /* Never cut short: six dimensions of 19 digits each leave 60 bytes. */
    int used =
        snprintf(text, TEXT, "{'descr': '%s', 'fortran_order': False, 'shape': (", descrs[dtype]);
    for (int i = 0; i < shape->ndim; i++)
        used += snprintf(text + used, (size_t)(TEXT - used), "%lld, ", (long long)shape->dim[i]);
    used += snprintf(text + used, (size_t)(TEXT - used), "), }");
    text[used] = ' ';
    header[TN_NPY_HEADER_BYTES - 1] = '\n';
}

/* After "'key':" and blanks, or NULL. */
static const char *value_of(const char *text, const char *key)
{
    const char *found = strstr(text, key);
    if (!found)
        return NULL;
    found += strlen(key);
    found += strspn(found, " ");
    if (*found != ':')
        return NULL;
    found++;
    return found + strspn(found, " ");
}

/* "(60, 3)", "(60,)" or "()". */
static bool parse_shape(const char *text, tn_shape *shape)
{
    *shape = (tn_shape){0};
    if (!text || *text++ != '(')
        return false;
    for (;;) {
        text += strspn(text, " ");
        if (*text == ')')
            return true;
        if (*text < '0' || *text > '9' || shape->ndim == TN_MAX_DIMS)
            return false;
        char *end;
        errno = 0;
        const long long dim = strtoll(text, &end, 10);
        if (errno)
            return false;
        shape->dim[shape->ndim++] = dim;
        text = end + strspn(end, " ");
        if (*text == ',')
            text++;
        else if (*text != ')')
            return false;
    }
}

/* Where the header's text lies, or the reason why there is none. */
static const char *find_text(const uint8_t *bytes, size_t size, size_t *begin, size_t *length)
{
    if (size < MAGIC_BYTES + 6 || memcmp(bytes, magic, MAGIC_BYTES) != 0)
        return "it does not begin as a numpy file does";
    const uint8_t *p = bytes + MAGIC_BYTES, version = p[0];
    if (version < 1 || version > 3)
        return "its version of the numpy format is not 1, 2 or 3";
    *begin = version == 1 ? MAGIC_BYTES + 4 : MAGIC_BYTES + 6;
    *length = p[2] | (size_t)p[3] << 8;
    if (version > 1)
        *length |= (size_t)p[4] << 16 | (size_t)p[5] << 24;
    if (*length > MAX_TEXT || *length > size - *begin)
        return "its header is longer than the file or than any sensible one";
    return NULL;
}

tn_status tn_npy_parse(const char *path, const uint8_t *bytes, size_t size, tn_dtype dtype,
                       tn_shape *shape, size_t *offset)
{
    size_t begin = 0, length = 0;
    const char *wrong = find_text(bytes, size, &begin, &length);
    if (wrong)
        return tn_fail(TN_ERR_FORMAT, "%s: %s", path, wrong);
    char text[MAX_TEXT + 1];
    memcpy(text, bytes + begin, length);
    text[length] = 0;
    const char *descr = value_of(text, "'descr'");
    const char *type = descrs[dtype];
    const size_t width = strlen(type);
    if (!descr || descr[0] != '\'' || strncmp(descr + 1, type, width) != 0 ||
        descr[1 + width] != '\'')
        return tn_fail(TN_ERR_FORMAT, "%s: its elements are not '%s': %.100s", path, type, text);
    const char *fortran = value_of(text, "'fortran_order'");
    if (!fortran || strncmp(fortran, "False", 5) != 0)
        return tn_fail(TN_ERR_FORMAT, "%s: it is not in C order: %.100s", path, text);
    if (!parse_shape(value_of(text, "'shape'"), shape))
        return tn_fail(TN_ERR_FORMAT, "%s: its shape makes no sense: %.100s", path, text);
    *offset = begin + length;
    return TN_OK;
}

static tn_status open_file(tn_npy *npy, const char *path)
{
    npy->path = tn_copy_text(path);
    if (!npy->path)
        return tn_no_memory(path, strlen(path) + 1);
    /* Without O_NONBLOCK a FIFO of that name would hang us. */
    npy->file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat s;
    if (npy->file < 0 || fstat(npy->file, &s) != 0)
        return tn_fail(TN_ERR_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(s.st_mode))
        return tn_fail(TN_ERR_IO, "%s: not a regular file", path);
    if (s.st_size == 0)
        return tn_fail(TN_ERR_FORMAT, "%s: the file is empty", path);
    npy->size = (size_t)s.st_size;
    return TN_OK;
}

static tn_status cut_short(const tn_npy *npy)
{
    struct stat s = {0};
    (void)fstat(npy->file, &s);
    return tn_fail(TN_ERR_IO, "%s: has become shorter while it is used: %lld bytes, not %zu",
                   npy->path, (long long)s.st_size, npy->size);
}

static tn_status read_at(const tn_npy *npy, size_t at, size_t size, void *bytes)
{
    for (size_t done = 0; done < size;) {
        const ssize_t got =
            pread(npy->file, (uint8_t *)bytes + done, size - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return tn_fail(TN_ERR_IO, "%s: cannot be read: %s", npy->path, strerror(errno));
        if (got == 0)
            return cut_short(npy);
        done += (size_t)got;
    }
    return TN_OK;
}

static tn_status check_array(tn_npy *npy, tn_dtype dtype, int ndim)
{
    uint8_t header[MAX_TEXT + MAGIC_BYTES + 6];
    const size_t size = npy->size < sizeof header ? npy->size : sizeof header;
    size_t bytes = 0;
    TN_TRY(read_at(npy, 0, size, header));
    TN_TRY(tn_npy_parse(npy->path, header, size, dtype, &npy->shape, &npy->offset));
    if (npy->shape.ndim != ndim)
        return tn_fail(TN_ERR_FORMAT, "%s: %d dimensions, not %d", npy->path, npy->shape.ndim,
                       ndim);
    if (tn_shape_bytes(&npy->shape, dtype, &bytes) != TN_OK)
        return tn_fail(TN_ERR_FORMAT, "%s: %s", npy->path, tn_error());
    if (bytes != npy->size - npy->offset)
        return tn_fail(TN_ERR_FORMAT, "%s: %zu bytes of data, where %s of %s take %zu", npy->path,
                       npy->size - npy->offset, tn_shape_format(&npy->shape).text,
                       tn_dtype_name(dtype), bytes);
    return TN_OK;
}

tn_status tn_npy_open(tn_npy *npy, const char *path, tn_dtype dtype, int ndim)
{
    *npy = (tn_npy){.file = -1};
    tn_status status = open_file(npy, path);
    if (status == TN_OK)
        status = check_array(npy, dtype, ndim);
    if (status != TN_OK)
        tn_npy_close(npy);
    return status;
}

tn_status tn_npy_read(const tn_npy *npy, size_t at, size_t size, void *bytes)
{
    return read_at(npy, npy->offset + at, size, bytes);
}

void tn_npy_close(tn_npy *npy)
{
    if (npy->path && npy->file >= 0)
        close(npy->file);
    tn_free(npy->path);
    *npy = (tn_npy){0};
}
