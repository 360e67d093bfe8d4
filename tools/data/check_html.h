/*
 * What the two parts of the page of a check share.
 */
#ifndef TOOLS_DATA_CHECK_HTML_H
#define TOOLS_DATA_CHECK_HTML_H

#include "../common/html.h"
#include "check.h"

typedef struct page {
    html *h;
    const checkup *c;
    size_t budget; /* bytes of pictures that may still be shown of a kind */
} page;

/* All sections; each has the id "k" and the number of its kind. */
void page_findings(page *p);

/* The colour of a kind, a class of html.h. */
const char *page_tag_of(tn_find kind);

/* What stands behind the last slash. */
const char *page_base_of(const char *path);

#endif
