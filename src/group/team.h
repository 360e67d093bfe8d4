/*
 * A team: one thread a member, that all do the same at the same time, and a watch over them.
 */
#ifndef TN_TEAM_H
#define TN_TEAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/status.h>

typedef struct tn_team tn_team;

typedef struct tn_team_opts {
    int members;
    double stall; /* seconds */
    void *owner;
    /* Any number that grows while this member goes on; and whether something failed that it only asked for.
     * Called while it works. */
    int64_t (*progress)(void *owner, int member);
    tn_status (*check)(void *owner, int member);
    /* Makes members that wait for each other, or for work of their devices, come back with an error. From any
     * thread. */
    void (*give_up)(void *owner);
} tn_team_opts;

typedef enum tn_team_work {
    TN_TEAM_PREPARE, /* takes as long as it takes; who fails, fails for itself */
    TN_TEAM_TOGETHER /* watched, and waiting for each other: if one fails, none can go on */
} tn_team_work;
typedef tn_status tn_team_task(void *arg, int member);

tn_status tn_team_start(tn_team **out, const tn_team_opts *opts);
void tn_team_end(tn_team *team); /* NULL is fine */

/*
 * Runs the task in every member's thread and returns when all are back; the error of the member that failed
 * first, whose number is in *failed (else -1). One that fails in what is done together makes all give up, and
 * the team is good for nothing more.
 *
 * Watched: if none goes on for `stall` seconds, the one that is furthest behind has failed. Should it not come
 * back after all were made to give up, this returns after `stall` seconds more all the same; then its thread
 * still has `arg`, which must be the owner's or lie in the team's room, and tn_team_end() waits for it.
 */
tn_status tn_team_do(tn_team *team, tn_team_work work, tn_team_task *task, void *arg, int *failed);

/*
 * The room: memory of the team's for the argument of the next tn_team_do(), and for what members write. All
 * zero, and the caller's until the next call of this; a member that comes late still finds it there. Of a team that
 * has failed the same error as of tn_team_do().
 */
tn_status tn_team_room(tn_team *team, size_t bytes, void *out);

/* For members, in a task done together: returns when all of them have called this, or with TN_END when one has failed. */
tn_status tn_team_meet(tn_team *team);

/* From now on tn_team_do() does nothing but return tn_error(), as it is now, and this status. */
void tn_team_fail(tn_team *team, tn_status status);
bool tn_team_failed(const tn_team *team);

#endif
