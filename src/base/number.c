#define _POSIX_C_SOURCE 200809L /* uselocale */
#include "base/number.h"

#include <locale.h>
#include <pthread.h>
#include <stdlib.h>

static locale_t c_locale;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* The C locale for this thread; the one that it had comes back. */
static locale_t enter(void)
{
    pthread_once(&once, make);
    return uselocale(c_locale);
}

int tn_vprint(char *text, size_t size, const char *format, va_list args)
{
    const locale_t before = enter();
    const int length = vsnprintf(text, size, format, args);
    uselocale(before);
    return length;
}

int tn_print(char *text, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int length = tn_vprint(text, size, format, args);
    va_end(args);
    return length;
}

int tn_fprint(FILE *to, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const locale_t before = enter();
    const int length = vfprintf(to, format, args);
    uselocale(before);
    va_end(args);
    return length;
}

double tn_parse(const char *text, char **end)
{
    const locale_t before = enter();
    const double number = strtod(text, end);
    uselocale(before);
    return number;
}
