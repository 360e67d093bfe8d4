#define _POSIX_C_SOURCE 200809L /* access */

#include "look.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

FILE *look_open(const char *root, const char *path)
{
    char whole[LOOK_LINE];
    const int length = snprintf(whole, sizeof whole, "%s%s", root, path);
    return length < (int)sizeof whole ? fopen(whole, "r") : NULL;
}

bool look_is_there(const char *root, const char *path)
{
    char whole[LOOK_LINE];
    const int length = snprintf(whole, sizeof whole, "%s%s", root, path);
    return length < (int)sizeof whole && access(whole, F_OK) == 0;
}

bool look_line(char text[LOOK_LINE], const char *root, const char *path)
{
    FILE *f = look_open(root, path);
    const bool any = f && fgets(text, LOOK_LINE, f);
    if (f)
        fclose(f);
    text[any ? strcspn(text, "\r\n") : 0] = '\0';
    return any;
}

bool look_after(char text[LOOK_LINE], const char *root, const char *path, const char *word)
{
    FILE *f = look_open(root, path);
    const size_t length = strlen(word);
    bool found = false;
    while (f && !found && fgets(text, LOOK_LINE, f)) {
        if (strncmp(text, word, length) != 0)
            continue;
        const char *at = text + length + strspn(text + length, " \t");
        found = *at == ':' || *at == '=';
        at += found;
        at += strspn(at, " \t\"");
        memmove(text, at, strlen(at) + 1);
        text[strcspn(text, "\"\r\n")] = '\0';
    }
    if (f)
        fclose(f);
    if (!found)
        *text = '\0';
    return found;
}

double look_number(const char *root, const char *path, double none)
{
    char text[LOOK_LINE], *end;
    if (!look_line(text, root, path))
        return none;
    const double number = strtod(text, &end);
    return end == text ? none : number;
}
