/* What api_data.c and api_data_jobs.c share: questions to `tenon data browse`, which knows of data sets what the server does not. */
#ifndef SERVE_DATA_H
#define SERVE_DATA_H

#include "child.h"
#include "server.h"
#include "web/reply.h"

/* A question while it is written: q.j is an object that is open, with what is wanted, and of which data set. */
typedef struct data_question {
    reply q;
    char of[RUN_NAME + 1];
    double patience; /* as of stand.h; 0 of pictures */
} data_question;

/* False: the answer says why not. */
bool data_ask(data_question *k, const char *what, const char *dataset, answer *a);
/* It is asked; tell as of stand_ask(), data_tell() for one. */
void data_asked(data_question *k, const server *s, const request *r, answer *a, child_tell *tell,
                void *with);
child_tell data_tell; /* what it says is the answer */

/* A member of the same name and number, if there is one. */
void data_pass_number(json *j, const json_value *ask, const char *name);

#endif
