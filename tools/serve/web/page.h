/* What the build makes of the folder page/: see tools/CMakeLists.txt. */
#ifndef SERVE_PAGE_H
#define SERVE_PAGE_H

typedef struct page_file {
    const char *name, *tag; /* "app.js"; for If-None-Match */
    const char *begin, *end;
} page_file;

extern const page_file page_files[]; /* up to one without a name */

#endif
