/*
 * From what a page asks for to the words of a command line. Only options that are named here can be said, and what their values
 * may be, the program knows that is started: no word is ever an option because a page says so.
 */
#ifndef SERVE_WORDS_H
#define SERVE_WORDS_H

#include "../common/json_read.h"
#include "child.h"
#include "server.h"
#include "wrong.h"

enum { WORDS_NUMBER = 32, WORDS_TEXT = 512 << 10 /* bytes of a net that is pasted */ };

typedef struct words {
    const char *word[CHILD_WORDS + 1];
    int count;
    char own[CHILD_WORDS][WORDS_NUMBER]; /* numbers, each at the place of its word */
    char data[JAIL_PATH], file[JAIL_PATH], init[JAIL_PATH];
    char val[JAIL_PATH], list[JAIL_PATH + RUN_NAME + 64]; /* of a data set */
    double size;                                          /* pixels that a network will see of it */
    wrong wrong; /* fields that cannot be, as they are found */
} words;

/* An option and its value; either may be NULL. */
void words_add(words *w, const char *option, const char *value);

/* recipe: {"epochs": 30, "rate-policy": "cosine", "nesterov": true, ...}: options of tenon train, by their names. */
void words_add_recipe(words *w, const json_value *recipe);
bool words_know(const char *name); /* is it a member of that? */
/* Members of that which tenon plan knows, too. */
void words_add_plan(words *w, const json_value *ask);
/* The path of a data set of the workspace, its --val and --exclude, if it has them; 404 if there is none. */
bool words_add_dataset(server *s, words *w, const char *name, answer *a);
/* Does one of two paths lie in the other? Of NULL: no. */
bool words_meet(const char *a, const char *b);
/* A data set of the workspace whose pictures lie in a folder, or in one around it. */
bool words_dataset_in(const server *s, const char *folder, char name[RUN_NAME + 1]);
/* device, or what it is without; NULL: nothing. */
void words_add_device(words *w, const json_value *ask, const char *without);
/* data: {root, path}, or {path} from the root of the file system: the real path of a folder below one of the roots; or {dataset}:
 * that. */
void words_add_data(server *s, words *w, const json_value *ask);
/* net: a name; or text: pasted, which becomes WORKSPACE/nets/NAME.net. */
void words_add_net(server *s, words *w, const char *name, const json_value *ask,
                   const char *option);
/* init: a model. */
void words_add_init(server *s, words *w, const json_value *ask, const char *option);

/* The real path of {root, path} or {path}; false: it is not there. Of a set it is a folder: a list's lines could lead anywhere. */
bool words_find(const server *s, const json_value *data, char path[JAIL_PATH]);
bool words_find_folder(const server *s, const json_value *data, char path[JAIL_PATH]);

/* They end there. False: something was wrong, and that is the answer. */
bool words_end(words *w, answer *a);

#endif
