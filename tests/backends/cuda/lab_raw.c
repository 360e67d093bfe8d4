#include "backends/cuda/lab_raw.h"

#include <math.h>
#include <string.h>

static void open_named(lab_raw *r, const char *name)
{
    assert_ok(tn_device_open(&r->device, name));
    r->b = r->device->backend;
    r->d = r->device->impl;
}

void lab_raw_open(lab_raw *r)
{
    const char *const *devices = lab_devices();
    if (!devices[1]) {
        print_message("skipped: no GPU to test on\n");
        skip();
    }
    open_named(r, devices[1]);
}

void lab_raw_open_cpu(lab_raw *r)
{
    open_named(r, "cpu,threads=1");
}

void lab_raw_close(lab_raw *r)
{
    tn_device_close(r->device);
}

void *lab_raw_take(const lab_raw *r, const void *host, size_t bytes)
{
    void *p = NULL;
    assert_ok(r->b->alloc(r->d, bytes, &p));
    if (host)
        assert_ok(r->b->upload(r->d, p, host, bytes));
    else
        assert_ok(r->b->fill(r->d, p, 0xff, bytes));
    return p;
}

void lab_raw_give(const lab_raw *r, void *p)
{
    if (p)
        r->b->free(r->d, p);
}

void lab_raw_get(const lab_raw *r, void *host, const void *from, size_t bytes)
{
    assert_ok(r->b->download(r->d, host, from, bytes));
}

static double decode_f16(uint16_t bits)
{
    const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    const double sign = bits >> 15 ? -1 : 1;
    if (exponent == 31)
        return mantissa ? (double)NAN : sign * (double)INFINITY;
    return sign * ldexp(exponent ? mantissa + 1024 : mantissa, (exponent ? exponent : 1) - 25);
}

double lab_decode(tn_dtype dtype, const void *numbers, size_t i)
{
    float x;
    uint16_t half;
    if (dtype == TN_F32) {
        memcpy(&x, (const char *)numbers + i * sizeof x, sizeof x);
        return (double)x;
    }
    memcpy(&half, (const char *)numbers + i * sizeof half, sizeof half);
    if (dtype == TN_F16)
        return decode_f16(half);
    const uint32_t bits = (uint32_t)half << 16;
    memcpy(&x, &bits, sizeof x);
    return (double)x;
}

bool lab_is_rounded(tn_dtype dtype, double got, double x)
{
    /* Half of the last of 24, 11 or 8 bits; below 2^-14 those of f16 are 2^-24. */
    const int bits = dtype == TN_F32 ? 24 : dtype == TN_F16 ? 11 : 8;
    int exponent;
    frexp(x, &exponent);
    if (dtype == TN_F16 && exponent < -13)
        exponent = -13;
    return fabs(got - x) <= ldexp(0.5, exponent - bits);
}
