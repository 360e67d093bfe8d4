/*
 * The commands of tenon-model: each is a file of this folder and a row of the table in tenon-model.c. It is called as a program
 * is, its name in argv[0], and returns the exit status.
 */
#ifndef TOOLS_MODEL_H
#define TOOLS_MODEL_H

int model_describe(int argc, char **argv);
int model_text(int argc, char **argv);
int model_convert(int argc, char **argv);
int model_layers(int argc, char **argv);

#endif
