/* A test of ranks_program: orders to a run of several ranks. */
#ifndef TN_RANKS_ORDERS_H
#define TN_RANKS_ORDERS_H

void orders_reach_all_ranks(void **unused);

#endif
