#define _XOPEN_SOURCE 700 /* getline */

/* Pictures whose paths come one after the other, each answered when it comes. */
#include <stdio.h>
#include <stdlib.h>

#include "../common/args.h"
#include "../common/json.h"
#include "../common/progress.h"
#include "infer.h"

static bool answer(session *s, const char *path)
{
    json j = {.to = stdout, .flat = true};
    const double start = seconds();
    const bool good = ports_picture(&s->ports, s, path, 0) == TN_OK;
    const double run = seconds();
    if (good && ports_run(&s->ports, s->context, 1) != TN_OK)
        run_fail("%s", tn_error());
    const double end = seconds();
    if (good)
        infer_tell(s, &j, path, s->ports.out[0].data,
                   &(infer_times){.picture = run - start, .run = end - run});
    else if (s->q.json)
        infer_tell_error(&j, path, tn_error());
    else
        args_warn("%s", tn_error());
    if (fflush(stdout) != 0)
        run_fail("stdout: nobody reads the answers");
    return good;
}

bool infer_stay(session *s)
{
    char *line = NULL;
    size_t room = 0;
    bool whole = true;
    infer_needs_classes(s);
    for (ssize_t length; (length = getline(&line, &room, stdin)) >= 0;) {
        while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
            line[--length] = '\0';
        if (length > 0)
            whole = answer(s, line) && whole;
    }
    free(line);
    return whole;
}
