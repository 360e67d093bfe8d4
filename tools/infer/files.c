/* What the words behind the engine mean: pictures, folders of them, lists of them. */
#define _XOPEN_SOURCE 700 /* scandir, getline */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../common/args.h"
#include "infer.h"

static void add(session *s, const char *path)
{
    if (s->files == s->capacity) {
        s->capacity = s->capacity ? 2 * s->capacity : 64;
        s->file = realloc(s->file, (size_t)s->capacity * sizeof *s->file);
    }
    char *copy = s->file ? strdup(path) : NULL;
    if (!copy)
        run_fail("no memory for the names of pictures");
    s->file[s->files++] = copy;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int is_shown(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* All files below it, by their names, but for hidden ones; a folder that a link names is passed over. */
static void add_folder(session *s, const char *folder)
{
    struct dirent **entry = NULL;
    const int count = scandir(folder, &entry, is_shown, by_name);
    if (count < 0)
        args_fail("%s: cannot be read as a folder", folder);
    for (int i = 0; i < count; i++) {
        char path[4096];
        struct stat st;
        const int length = snprintf(path, sizeof path, "%s/%s", folder, entry[i]->d_name);
        if (length < (int)sizeof path && lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
            add_folder(s, path);
        else if (length < (int)sizeof path && !is_folder(path))
            add(s, path);
        free(entry[i]);
    }
    free(entry);
}

static void add_lines(session *s, FILE *from)
{
    char *line = NULL;
    size_t room = 0;
    for (ssize_t length; (length = getline(&line, &room, from)) >= 0;) {
        while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
            line[--length] = '\0';
        if (length > 0)
            add(s, line);
    }
    free(line);
}

static void add_list(session *s, const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f)
        args_fail("%s: cannot be read as a list of pictures", path);
    add_lines(s, f);
    fclose(f);
}

void infer_files(session *s, char **word, int count)
{
    for (int i = 0; i < count; i++) {
        const size_t length = strlen(word[i]);
        if (strcmp(word[i], "-") == 0)
            add_lines(s, stdin);
        else if (is_folder(word[i]))
            add_folder(s, word[i]);
        else if (length > 4 && strcmp(word[i] + length - 4, ".txt") == 0)
            add_list(s, word[i]);
        else
            add(s, word[i]);
    }
}
