/*
 * Files for what reads by name. Define FUZZ_FILES first, the names of all that are written: they and their folder are gone
 * at the end.
 */
#ifndef TN_FUZZ_FILES_H
#define TN_FUZZ_FILES_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char fuzz_folder[64]; /* for the files of a run */

static void file_in_folder(char full[128], const char *name)
{
    snprintf(full, 128, "%s/%s", fuzz_folder, name);
}

static void write_file(const char *name, const void *bytes, size_t size)
{
    char full[128];
    if (!fuzz_folder[0]) {
        /* A disk would be waited for, thousands of times. */
        snprintf(fuzz_folder, sizeof fuzz_folder, "%s/tenon-fuzz-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        if (!mkdtemp(fuzz_folder))
            abort();
    }
    file_in_folder(full, name);
    remove(full); /* some file systems flush one that is cut short and written again */
    FILE *f = fopen(full, "wb");
    if (!f || fwrite(bytes, 1, size, f) != size || fclose(f) != 0)
        abort();
}

__attribute__((destructor)) static void remove_folder(void)
{
    static const char *const names[] = {FUZZ_FILES};
    char full[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        file_in_folder(full, names[i]);
        remove(full);
    }
    rmdir(fuzz_folder);
}

#endif
