/*
 * Answers that read much: made in threads of their own, so that nobody else waits for them. There are few, and what is asked of them
 * meanwhile waits in turn.
 */
#ifndef SERVE_WORK_H
#define SERVE_WORK_H

#include "server.h"

/* The answer comes later; false: it is to be made here. */
bool work_later(server *s, const request *r, api_answers *answers, const char *const id[],
                int count, answer *a);

/* All have been given, and none is begun any more: before the server is closed. */
void work_end(void);

#endif
