#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"

char *text_read(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    size_t used = 0, room = 0, got = 1;
    if (!f)
        args_fail("%s: %s", path, strerror(errno));
    while (got > 0) {
        if (room - used < 2) {
            room = 2 * room + 4096;
            text = realloc(text, room);
            if (!text)
                run_fail("%s: no memory for %zu bytes", path, room);
        }
        got = fread(text + used, 1, room - used - 1, f);
        used += got;
    }
    if (ferror(f))
        args_fail("%s: cannot be read", path);
    fclose(f);
    text[used] = '\0';
    if (strlen(text) != used)
        args_fail("%s: is no text: it has a byte of 0", path);
    *size = used;
    return text;
}

bool text_is_class(const char *in_model, const char *in_set)
{
    for (; *in_model && (*in_model == *in_set || (*in_model == ' ' && *in_set == '\n')); in_set++)
        in_model++;
    return *in_model == *in_set;
}
