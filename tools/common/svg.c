#include "svg.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "utf8.h"

/* ---- text ------------------------------------------------------------------------------------- */

/* Bytes of the character that `text` begins with, if XML 1.0 allows it; else 0. */
static int character(const char *text)
{
    const unsigned char c = (unsigned char)text[0];
    if (c < 0x80)
        return c >= 0x20 || c == '\t' || c == '\n' || c == '\r';
    const int length = utf8_length(text);
    const bool none = length == 3 && (memcmp(text, "\xEF\xBF\xBE", 3) == 0 || /* U+FFFE */
                                      memcmp(text, "\xEF\xBF\xBF", 3) == 0);
    return none ? 0 : length;
}

void svg_escape(FILE *to, const char *text)
{
    for (const char *p = text; *p;) {
        const int length = character(p);
        if (*p == '&')
            fputs("&amp;", to);
        else if (*p == '<')
            fputs("&lt;", to);
        else if (*p == '>')
            fputs("&gt;", to);
        else if (*p == '"')
            fputs("&quot;", to);
        else if (*p == '\'')
            fputs("&#39;", to);
        else if (length == 0)
            fputs("\xEF\xBF\xBD", to);
        else
            fwrite(p, 1, (size_t)length, to);
        p += length ? length : 1;
    }
}

static void print_number(FILE *to, double number)
{
    char text[64];
    snprintf(text, sizeof text, "%.2f", isfinite(number) && fabs(number) < 1e12 ? number : 0.0);
    char *end = text + strlen(text);
    while (end[-1] == '0')
        *--end = '\0';
    if (end[-1] == '.')
        *--end = '\0';
    fputs(strcmp(text, "-0") == 0 ? "0" : text, to);
}

/* ---- elements --------------------------------------------------------------------------------- */

static void end_tag(svg *s)
{
    if (s->in_tag)
        fputc('>', s->to);
    s->in_tag = false;
}

void svg_word(svg *s, const char *attribute, const char *text)
{
    fprintf(s->to, " %s=\"", attribute);
    svg_escape(s->to, text);
    fputc('"', s->to);
}

void svg_number(svg *s, const char *attribute, double number)
{
    fprintf(s->to, " %s=\"", attribute);
    print_number(s->to, number);
    fputc('"', s->to);
}

void svg_open(svg *s, const char *name, const char *classes)
{
    end_tag(s);
    fprintf(s->to, "\n<%s", name);
    s->element[s->depth++ % SVG_DEEPEST] = name;
    s->in_tag = true;
    if (classes)
        svg_word(s, "class", classes);
}

void svg_close(svg *s)
{
    const char *name = s->element[--s->depth % SVG_DEEPEST];
    if (s->in_tag)
        fputs("/>", s->to);
    else
        fprintf(s->to, "</%s>", name);
    s->in_tag = false;
}

void svg_text(svg *s, const char *text)
{
    end_tag(s);
    svg_escape(s->to, text);
}

void svg_line(svg *s, const char *classes, double x1, double y1, double x2, double y2)
{
    svg_open(s, "line", classes);
    svg_number(s, "x1", x1);
    svg_number(s, "y1", y1);
    svg_number(s, "x2", x2);
    svg_number(s, "y2", y2);
    svg_close(s);
}

void svg_rect(svg *s, const char *classes, double x, double y, double width, double height)
{
    svg_open(s, "rect", classes);
    svg_number(s, "x", x);
    svg_number(s, "y", y);
    svg_number(s, "width", width);
    svg_number(s, "height", height);
    svg_close(s);
}

void svg_label(svg *s, const char *classes, double x, double y, const char *format, ...)
{
    char text[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    svg_open(s, "text", classes);
    svg_number(s, "x", x);
    svg_number(s, "y", y);
    svg_text(s, text);
    svg_close(s);
}

void svg_path(svg *s, const char *classes, int64_t points, const double *x, const double *y)
{
    bool down = false;
    svg_open(s, "path", classes);
    fputs(" d=\"", s->to);
    for (int64_t i = 0; i < points; i++) {
        const bool there = isfinite(x[i]) && isfinite(y[i]);
        if (there) {
            fputc(down ? 'L' : 'M', s->to);
            print_number(s->to, x[i]);
            fputc(' ', s->to);
            print_number(s->to, y[i]);
        }
        down = there;
    }
    fputc('"', s->to);
    svg_close(s);
}

/* ---- the picture ------------------------------------------------------------------------------ */

/* "color" and currentColor, not variables: what draws SVG outside of a browser knows these. */
static const char rules[] =
    ".tenon{font:12px system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",\"Noto "
    "Sans\",\"DejaVu Sans\",sans-serif;"
    "font-variant-numeric:tabular-nums}\n"
    ".tenon .fill{fill:currentColor}"
    ".tenon "
    ".stroke{stroke:currentColor;fill:none;stroke-width:1.6;stroke-linejoin:round;stroke-linecap:"
    "round}"
    ".tenon .thin{stroke-width:1}.tenon .faint{opacity:.28}.tenon .dashed{stroke-dasharray:4 3}\n"
    ".tenon .middle{text-anchor:middle}.tenon .end{text-anchor:end}.tenon .bold{font-weight:600}"
    ".tenon .small{font-size:11px}.tenon .mono{font-family:ui-monospace,Menlo,Consolas,\"DejaVu "
    "Sans Mono\",monospace}\n";

static const struct {
    const char *name, *light, *dark;
} colours[] = {
    {"paper", "#fbfaf7", "#171614"},  {"surface", "#ffffff", "#1e1d1a"},
    {"sunken", "#f4f2ed", "#131210"}, {"line", "#e7e3db", "#302d28"},
    {"ink", "#1f1d1a", "#ede9e1"},    {"ink2", "#57524a", "#b9b3a7"},
    {"ink3", "#736d62", "#979085"},   {"ok", "#2b7148", "#7cc492"},
    {"warn", "#875a00", "#e2b64c"},   {"bad", "#ab2a20", "#f1887d"},
    {"c0", "#2d6c9c", "#72b3e2"},     {"c1", "#bf5b14", "#f0a25c"},
    {"c2", "#3f7d52", "#7cc492"},     {"c3", "#7f549b", "#c39bdc"},
    {"c4", "#a63d57", "#ee8ba1"},     {"c5", "#7a6a14", "#d6c25a"},
    {"c6", "#1f7a80", "#63c5ca"},     {"c7", "#5d5a55", "#b5b0a6"},
};
enum { NUM_COLOURS = sizeof colours / sizeof colours[0] };

void svg_begin(svg *s, FILE *to, double width, double height, const char *title)
{
    char box[64];
    *s = (svg){.to = to, .element = {"svg"}, .depth = 1, .in_tag = true};
    fputs("<svg xmlns=\"http://www.w3.org/2000/svg\"", to);
    snprintf(box, sizeof box, "0 0 %.0f %.0f", width, height);
    svg_number(s, "width", width);
    svg_number(s, "height", height);
    svg_word(s, "viewBox", box);
    svg_word(s, "class", "tenon");
    svg_word(s, "role", "img");
    svg_open(s, "title", NULL);
    svg_text(s, title);
    svg_close(s);
    svg_open(s, "style", NULL);
    end_tag(s);
    fputs(rules, to);
    for (int i = 0; i < NUM_COLOURS; i++)
        fprintf(to, ".tenon .%s{color:%s}", colours[i].name, colours[i].light);
    fputs("\n@media (prefers-color-scheme:dark){", to);
    for (int i = 0; i < NUM_COLOURS; i++)
        fprintf(to, ".tenon .%s{color:%s}", colours[i].name, colours[i].dark);
    fputs("}\n", to);
    svg_close(s);
    svg_rect(s, "fill surface", 0, 0, width, height);
}

void svg_end(svg *s)
{
    while (s->depth > 0)
        svg_close(s);
    fputc('\n', s->to);
}
