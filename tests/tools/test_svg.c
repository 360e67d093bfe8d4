/* What is drawn is XML, whatever the names in it are. */
#define _POSIX_C_SOURCE 200809L /* open_memstream */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/svg.h"
#include "lab.h"
#include "lab_set.h"

static void text_is_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *why, *text, *want;
    } cases[] = {
        {"markup", "<img src=\"x\" onerror='a'>&amp;",
         "&lt;img src=&quot;x&quot; onerror=&#39;a&#39;&gt;&amp;amp;"},
        {"what XML allows stays", "a\tb\nK\xC3\xA4\xE7\x94\xB2\xF0\x9F\x98\x80",
         "a\tb\nK\xC3\xA4\xE7\x94\xB2\xF0\x9F\x98\x80"},
        {"control characters", "\x01\x1B", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"no UTF-8", "\xE9 \xC3", "\xEF\xBF\xBD \xEF\xBF\xBD"},
        {"a longer form of /", "\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"a surrogate", "\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"no character, U+FFFF", "\xEF\xBF\xBF", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        char *got = NULL;
        size_t size = 0;
        FILE *to = open_memstream(&got, &size);
        assert_non_null(to);
        svg_escape(to, cases[i].text);
        fclose(to);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("%s: \"%s\", not \"%s\"", cases[i].why, got, cases[i].want);
        free(got);
    }
}

/* One of everything, with names from outside. */
static char *drawn(const char *name)
{
    static const double x[] = {0, 1, 2, 3, 4}, y[] = {0.125, 1e-9, NAN, -0.001, 1e300};
    char *got = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&got, &size);
    assert_non_null(to);
    svg s;
    svg_begin(&s, to, 640, 240, name);
    svg_line(&s, "stroke line", 1, 2, 3.005, -4);
    svg_label(&s, "fill ink2 end", 1, 2, "%s %g", name, 0.5);
    svg_open(&s, "g", NULL);
    svg_word(&s, "id", name);
    svg_rect(&s, "fill c0", 0, 0, (double)INFINITY, 10);
    svg_path(&s, "stroke c1", 5, x, y);
    svg_close(&s);
    svg_open(&s, "g", NULL); /* svg_end() closes it */
    svg_end(&s);
    fclose(to);
    return got;
}

static void elements_are_what_was_asked_for(void **state)
{
    (void)state;
    char *got = drawn("loss");
    static const char *const parts[] = {
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"640\" height=\"240\" viewBox=\"0 0 640 "
        "240\"",
        "<title>loss</title>",
        "<line class=\"stroke line\" x1=\"1\" y1=\"2\" x2=\"3\" y2=\"-4\"/>",
        "<text class=\"fill ink2 end\" x=\"1\" y=\"2\">loss 0.5</text>",
        "<g id=\"loss\">\n<rect class=\"fill c0\" x=\"0\" y=\"0\" width=\"0\" height=\"10\"/>",
        "<path class=\"stroke c1\" d=\"M0 0.12L1 0M3 0L4 0\"/></g>\n<g/></svg>\n",
    };
    for (size_t i = 0; i < TN_COUNT(parts); i++)
        if (!strstr(got, parts[i]))
            fail_msg("%s\nhas no %s", got, parts[i]);
    free(got);
}

static void it_is_xml(void **state)
{
    (void)state;
    const char *python = getenv("TENON_TEST_PYTHON"), *folder = lab_make_folder();
    char command[4096], hostile[256];
    for (int i = 0; i < 255; i++)
        hostile[i] = (char)(i + 1);
    hostile[255] = '\0';
    static const char *const names[] = {"plain", "a\n\"b\" <img src=x onerror=alert(1)>", "]]>&#0;",
                                        NULL};
    for (size_t i = 0; i < TN_COUNT(names); i++) {
        char *got = drawn(names[i] ? names[i] : hostile);
        const char *path = lab_path(folder, "%d.svg", (int)i);
        lab_write_text(path, got);
        free(got);
        snprintf(command, sizeof command,
                 "'%s' -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' '%s'",
                 python ? python : "python3", path);
        const int status = system(command);
        assert_true(status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    lab_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(elements_are_what_was_asked_for),
        cmocka_unit_test(it_is_xml),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
