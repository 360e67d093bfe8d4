#define _XOPEN_SOURCE 700 /* SIGXFSZ; POSIX 2008 */

#include "stop.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t asked;
static void (*told)(int); /* set before any signal can come */

static void stop(int number)
{
    if (!asked)
        asked = number;
    /* Whatever else is said to nobody must not end the program while it saves. */
    signal(number, number == SIGPIPE ? SIG_IGN : SIG_DFL);
    if (told)
        told(number);
}

/* What is ignored stays so. */
static void listen(int number, void (*handler)(int))
{
    struct sigaction now, then = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&then.sa_mask);
    if (sigaction(number, NULL, &now) == 0 && now.sa_handler != SIG_IGN)
        sigaction(number, &then, NULL);
}

/* A file above the shell's limit (ulimit -f) is an error of write, as a full disk is. */
static void ignore_limits(void)
{
    signal(SIGXFSZ, SIG_IGN);
}

void stop_catch(void (*tell)(int))
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGPIPE};
    told = tell;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        listen(numbers[i], stop);
    ignore_limits();
}

void stop_catch_run(void (*tell)(int))
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGUSR1};
    told = tell;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        listen(numbers[i], stop);
    listen(SIGHUP, tell);
    signal(SIGPIPE, SIG_IGN);
    ignore_limits();
}

int stop_asked(void)
{
    return asked;
}

const volatile sig_atomic_t *stop_flag(void)
{
    return &asked;
}

int stop_status(void)
{
    return 128 + (asked ? asked : SIGINT); /* another rank was asked */
}
