/*
 * A command line from a table: the options, their checks, the text of --help and the manual page (--man; man.h) in one
 * place.
 */
#ifndef TOOLS_ARGS_H
#define TOOLS_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum arg_kind {
    ARG_HEADING, /* only a line of --help */
    ARG_FLAG,    /* --name; to: bool */
    ARG_INT,     /* --name N; to: int64_t */
    ARG_REAL,    /* --name X; to: double */
    ARG_TEXT,    /* --name TEXT; to: const char * */
    ARG_CHOICE   /* --name WORD; to: const char *; `value` lists the words: "sgd|adam" */
} arg_kind;

/* A number's least, where 0 is none of its values. */
#define ARG_ABOVE_0 1e-9

/* One option. Its default is what `to` holds before parsing; --help shows it unless the help text
 * itself has the word "default". */
typedef struct arg {
    arg_kind kind;
    const char *name;  /* without the dashes */
    const char *value; /* how --help calls what follows it */
    const char *help;  /* lines parted by \n */
    void *to;
    double min, max; /* what a number may be; both 0: 0 to 1e9 */
} arg;

typedef struct args {
    const char *usage; /* "alexnet [options] DIR" */
    const char *about; /* paragraphs between usage and options */
    const char *more;  /* after them */
    const arg *options;
    int count;
    int min_words, max_words; /* how many words that are no options there must be; max < 0: any */
    const char *words;        /* what they are, for the message: "a folder of images" */
    /* Options that the program has, but does not take now, and why: "..., but the run has its own". NULL: none. */
    const arg *others;
    int num_others;
    const char *others_why;
    const char *
        what; /* the program in a line of at most 80 letters, as `tenon` lists it and its page is headed */
} args;

/* Sets what the options point to and moves the other words to the front of argv + 1. Gives --help or the manual page
 * and ends the program with status 0, or says in one sentence what is wrong and ends it with 2. Where there is an
 * option "out", -o is the same. Returns how many words there are. */
int args_parse(const args *a, int argc, char **argv);

/* What messages before args_parse() call the program, argv[0]. */
void args_program(const char *path);

/* " (default 3)", or nothing where there is none or the help tells of it itself. */
void args_default(const arg *o, char *text, size_t size);

/* "alexnet: <sentence>" to stderr; ends the program with status 2: the user's mistake. */
_Noreturn void args_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same with status 1: the run failed. */
_Noreturn void run_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, and the program goes on. */
void args_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Is it one of an ARG_CHOICE's words, "sgd|adam"? */
bool args_is_choice(const char *words, const char *word);

/* One rank of several: messages of these say which, and only rank 0 goes on writing to stdout. */
void args_rank(int rank, int ranks);

#endif
