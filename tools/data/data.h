/*
 * The commands of tenon-data: each is a file of this folder and a row of the table in tenon-data.c. It is called as a
 * program is, its name in argv[0], and returns the exit status.
 */
#ifndef TOOLS_DATA_H
#define TOOLS_DATA_H

int data_check(int argc, char **argv);
int data_show(int argc, char **argv);
int data_split(int argc, char **argv);
int data_pack(int argc, char **argv);
int data_browse(int argc, char **argv);
int data_thumbs(int argc, char **argv);

#endif
