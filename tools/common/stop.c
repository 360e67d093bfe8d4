#define _XOPEN_SOURCE 700 /* SIGXFSZ; POSIX 2008 */

#include "stop.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t asked;

static void stop(int number)
{
    if (!asked)
        asked = number;
    /* Whatever else is said to nobody must not end the program while it saves. */
    signal(number, number == SIGPIPE ? SIG_IGN : SIG_DFL);
}

void stop_catch(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGPIPE};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction now, then = {.sa_handler = stop, .sa_flags = SA_RESTART};
        sigemptyset(&then.sa_mask);
        if (sigaction(numbers[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            sigaction(numbers[i], &then, NULL);
    }
    signal(
        SIGXFSZ,
        SIG_IGN); /* a file above the shell's limit (ulimit -f) is an error of write, as a full disk is */
}

int stop_asked(void)
{
    return asked;
}

int stop_status(void)
{
    return 128 + (asked ? asked : SIGINT); /* another rank was asked */
}
