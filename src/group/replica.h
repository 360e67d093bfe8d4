/*
 * The parts of a group, for the files of this folder.
 */
#ifndef TN_REPLICA_H
#define TN_REPLICA_H

#include <stdatomic.h>

#include "group/group.h"
#include "group/team.h"

typedef struct tn_replica {
    tn_plan *plan;
    _Atomic(tn_comm *) comm; /* that of plan->share, for the watch */
} tn_replica;

struct tn_group {
    tn_plan *whole;  /* what the program holds: graph, device and options */
    tn_graph *shard; /* the graph for one replica's rows */
    tn_team *team;
    const tn_collectives *collectives; /* what the replicas do as one is done by */
    tn_replica *replica;
    int members;      /* replicas here, */
    int first, ranks; /* their first rank, and ranks in all: those of other processes too */
    double stall_watch, stall_wait; /* of the team, of the collectives */
    int64_t rows;                   /* of one replica */
    bool inputs_set;                /* all have been, in all ranks */
    tn_comm_id id;
    atomic_bool given_up; /* one has failed: nobody is to be waited for */
};

/* tn_team_do(), with an error that says which device it was and how far the group had got. The argument is the
 * group or lies in the team's room. */
tn_status tn_group_do(tn_group *g, tn_team_work work, tn_team_task *task, void *arg);

/* What each process has, in all of them; an error is the end for the group. */
tn_status tn_group_gather(tn_group *g, const void *own, size_t bytes, void *all);

#endif
