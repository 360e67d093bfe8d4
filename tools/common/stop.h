/*
 * Asked to end: Ctrl-C, kill (what a batch system sends before the time is up), a terminal that is closed, SIGUSR1
 * (which mpirun hands on), nobody left who reads stdout. A run then finishes its step, saves, and ends; a second
 * signal ends it at once.
 */
#ifndef TOOLS_STOP_H
#define TOOLS_STOP_H

#include <signal.h>

/* From now on. What was ignored when the program began, as nohup has it, stays ignored. tell, if it is not NULL, is told of
 * each signal, in a handler. */
void stop_catch(void (*tell)(int signal));

/* For a run in a folder: SIGHUP is no end, since the run saves and goes on, and nor is SIGPIPE, since its log is in the
 * folder. */
void stop_catch_run(void (*tell)(int signal));

/* The signal that came first, 0 if none did. */
int stop_asked(void);

/* The same, for who waits: not 0 once one has come. */
const volatile sig_atomic_t *stop_flag(void);

/* What a shell makes of that signal: the exit status of who ends because of it. */
int stop_status(void);

#endif
