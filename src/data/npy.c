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
#include <sys/mman.h>
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

static tn_status map_file(tn_npy *npy, const char *path)
{
    /* Without O_NONBLOCK a FIFO of that name would hang us. */
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return tn_fail(TN_ERR_IO, "%s: %s", path, strerror(errno));
    struct stat s;
    tn_status status = TN_OK;
    if (fstat(file, &s) != 0)
        status = tn_fail(TN_ERR_IO, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(s.st_mode))
        status = tn_fail(TN_ERR_IO, "%s: not a regular file", path);
    else if (s.st_size == 0)
        status = tn_fail(TN_ERR_FORMAT, "%s: the file is empty", path);
    if (status == TN_OK) {
        void *map = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_SHARED, file, 0);
        if (map == MAP_FAILED) {
            status = tn_fail(TN_ERR_IO, "%s: cannot be mapped: %s", path, strerror(errno));
        } else {
            npy->map = map;
            npy->map_bytes = (size_t)s.st_size;
        }
    }
    close(file);
    return status;
}

static tn_status check_array(tn_npy *npy, const char *path, tn_dtype dtype, int ndim)
{
    size_t offset = 0, bytes = 0;
    TN_TRY(tn_npy_parse(path, npy->map, npy->map_bytes, dtype, &npy->shape, &offset));
    if (npy->shape.ndim != ndim)
        return tn_fail(TN_ERR_FORMAT, "%s: %d dimensions, not %d", path, npy->shape.ndim, ndim);
    if (tn_shape_bytes(&npy->shape, dtype, &bytes) != TN_OK)
        return tn_fail(TN_ERR_FORMAT, "%s: %s", path, tn_error());
    if (bytes != npy->map_bytes - offset)
        return tn_fail(TN_ERR_FORMAT, "%s: %zu bytes of data, where %s of %s take %zu", path,
                       npy->map_bytes - offset, tn_shape_format(&npy->shape).text,
                       tn_dtype_name(dtype), bytes);
    npy->data = (const uint8_t *)npy->map + offset;
    return TN_OK;
}

tn_status tn_npy_open(tn_npy *npy, const char *path, tn_dtype dtype, int ndim)
{
    *npy = (tn_npy){0};
    tn_status status = map_file(npy, path);
    if (status == TN_OK)
        status = check_array(npy, path, dtype, ndim);
    if (status != TN_OK)
        tn_npy_close(npy);
    return status;
}

void tn_npy_close(tn_npy *npy)
{
    if (npy->map)
        munmap(npy->map, npy->map_bytes);
    *npy = (tn_npy){0};
}
