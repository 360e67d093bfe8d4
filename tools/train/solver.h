/*
 * Caffe's solvers as flags: `--solver FILE` is as if what the file says had been said first.
 */
#ifndef TRAIN_SOLVER_H
#define TRAIN_SOLVER_H

/* The command line with the solver's words in front of its own, which therefore hold where both say something; the same one
 * if it has no --solver. Its net is that of the solver, unless the command line says --net. Ends the program if the solver cannot be followed. */
char **solver_expand(int *argc, char **argv);

#endif
