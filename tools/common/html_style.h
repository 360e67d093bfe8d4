#ifndef TOOLS_HTML_STYLE_H
#define TOOLS_HTML_STYLE_H

/* In pieces, the last one NULL: a compiler need not know longer texts. */
extern const char *const html_style[];

#endif
