/* What a file may take the place of, and what becomes of links, modes, owners and left-overs. */
#define _DEFAULT_SOURCE /* mknod; POSIX 2008 */

#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/aside.h"
#include "lab.h"

static const char *folder; /* empty when a test begins and ends */

static const char *in_folder(const char *name)
{
    static char path[4][1400];
    static int next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

static tn_status save(const char *path, const char *text)
{
    tn_aside a;
    TN_TRY(tn_aside_open(&a, path));
    tn_status status = tn_aside_write(&a, text, strlen(text));
    if (status == TN_OK)
        status = tn_aside_place(&a);
    tn_aside_discard(&a);
    return status;
}

static void assert_content(const char *path, const char *text)
{
    char data[64] = "";
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    (void)!fread(data, 1, sizeof data - 1, f);
    fclose(f);
    assert_string_equal(data, text);
}

static void make(const char *path, mode_t mode)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0 && fchmod(fd, mode) == 0 && close(fd) == 0);
}

static struct stat look(const char *path)
{
    struct stat s;
    assert_int_equal(lstat(path, &s), 0);
    return s;
}

static void start_afresh(const char *name, ...)
{
    va_list names;
    va_start(names, name);
    for (; name; name = va_arg(names, const char *))
        assert_int_equal(remove(in_folder(name)), 0);
    va_end(names);
    assert_int_equal(lab_entries(folder), 0);
}

/* ---- tests ------------------------------------------------------------------------------------ */

static void links_stay(void **state)
{
    (void)state;
    static const struct {
        const char *why, *link, *to;
    } cases[] = {
        {"in the same folder", "link", "file"},
        {"into another folder", "link", "sub/file"},
        {"out of a folder", "sub/link", "../file"},
        {"up and down", "sub/link", "../sub/file"},
    };
    assert_int_equal(mkdir(in_folder("sub"), 0700), 0);
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        for (int there = 0; there < 2; there++) {
            print_message("%s, %s\n", cases[i].why, there ? "to a file" : "to nothing yet");
            char to[1500], link[1400];
            const char *slash = strrchr(cases[i].link, '/');
            snprintf(to, sizeof to, "%s/%.*s%s", folder,
                     slash ? (int)(slash - cases[i].link) + 1 : 0, cases[i].link, cases[i].to);
            snprintf(link, sizeof link, "%s", in_folder(cases[i].link));
            assert_int_equal(symlink(cases[i].to, link), 0);
            if (there)
                make(to, 0600);
            assert_ok(save(link, "new"));
            assert_true(S_ISLNK(look(link).st_mode));
            assert_true(S_ISREG(look(to).st_mode));
            assert_content(to, "new");
            assert_int_equal(unlink(to), 0);
            assert_int_equal(unlink(link), 0);
        }
    /* From anywhere, and through another link. */
    assert_int_equal(symlink(in_folder("sub/file"), in_folder("first")), 0);
    assert_int_equal(symlink("first", in_folder("second")), 0);
    assert_ok(save(in_folder("second"), "new"));
    assert_content(in_folder("sub/file"), "new");
    assert_int_equal(lab_entries(in_folder("sub")), 1);
    start_afresh("sub/file", "sub", "first", "second", NULL);
}

static void make_node(const char *path, const char *kind)
{
    if (strcmp(kind, "a FIFO") == 0) {
        assert_int_equal(mkfifo(path, 0600), 0);
    } else if (strcmp(kind, "a folder") == 0) {
        assert_int_equal(mkdir(path, 0700), 0);
    } else if (strcmp(kind, "a socket") == 0) {
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
        const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof name) == 0);
        close(fd);
    } else if (mknod(path, S_IFCHR | 0600, makedev(1, 3)) != 0) { /* what /dev/null is */
        print_message("skipped: no device can be made here\n");
    }
}

static void only_files_are_replaced(void **state)
{
    (void)state;
    static const char *const kinds[] = {"a FIFO", "a folder", "a socket", "a character device"};
    for (size_t i = 0; i < TN_COUNT(kinds); i++) {
        make_node(in_folder("node"), kinds[i]);
        if (!lab_exists(in_folder("node")))
            continue;
        const struct stat before = look(in_folder("node"));
        assert_int_equal(symlink("node", in_folder("link")), 0);
        const char *const paths[] = {"node", "link"};
        for (int p = 0; p < 2; p++) {
            assert_fails(save(in_folder(paths[p]), "new"), TN_ERR_IO, kinds[i]);
            assert_non_null(strstr(tn_error(), in_folder(paths[p])));
            assert_fails(tn_aside_probe(in_folder(paths[p]), 1), TN_ERR_IO, kinds[i]);
        }
        const struct stat after = look(in_folder("node"));
        assert_true(before.st_ino == after.st_ino && before.st_mode == after.st_mode);
        start_afresh("node", "link", NULL);
    }
}

static void where_nothing_can_be(void **state)
{
    (void)state;
    char name[300];
    memset(name, 'x', sizeof name);
    name[256] = '\0';
    make(in_folder("file"), 0600);
    assert_int_equal(symlink("round", in_folder("round")), 0);
    const struct {
        const char *why, *path, *says;
    } cases[] = {
        {"no such folder", in_folder("none/file"), "No such file or directory"},
        {"a file for a folder", in_folder("file/file"), "Not a directory"},
        {"a name too long", in_folder(name), "File name too long"},
        {"a link to itself", in_folder("round"), "is a link, behind which"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        print_message("%s\n", cases[i].why);
        assert_fails(save(cases[i].path, "new"), TN_ERR_IO, cases[i].says);
        assert_fails(tn_aside_probe(cases[i].path, 1), TN_ERR_IO, cases[i].says);
        assert_non_null(strstr(tn_error(), cases[i].path));
    }
    assert_fails(save("", "new"), TN_ERR_ARGUMENT, "no path");
    assert_fails(save(NULL, "new"), TN_ERR_ARGUMENT, "no path");
    start_afresh("file", "round", NULL);

    name[255] = '\0'; /* the longest that there is */
    assert_ok(save(in_folder(name), "new"));
    assert_content(in_folder(name), "new");
    start_afresh(name, NULL);
}

static void the_mode_stays(void **state)
{
    (void)state;
    static const mode_t modes[] = {0600, 0640, 0664, 0755, 0666};
    for (size_t i = 0; i < TN_COUNT(modes); i++) {
        make(in_folder("file"), modes[i]);
        const bool root = geteuid() == 0;
        if (root)
            assert_int_equal(chown(in_folder("file"), 1234, 1235), 0);
        assert_ok(save(in_folder("file"), "new"));
        const struct stat s = look(in_folder("file"));
        assert_int_equal(s.st_mode & 07777, modes[i]);
        if (root)
            assert_true(s.st_uid == 1234 && s.st_gid == 1235);
        start_afresh("file", NULL);
    }
    const mode_t mask = umask(0027);
    assert_ok(save(in_folder("file"), "new"));
    umask(mask);
    assert_int_equal(look(in_folder("file")).st_mode & 07777, 0640);
    start_afresh("file", NULL);
}

static void left_overs_go_and_nothing_else(void **state)
{
    (void)state;
    static const char *const stay[] = {"file.tenon-1-0.tmp.bak", "other.tenon-1-0.tmp",
                                       "file.tmp-2024",          "file.tenon-x-0.tmp",
                                       "file.tenon-1-.tmp",      "file.tenon-7-0"};
    static const char *const gone[] = {"file.tenon-1-0.tmp", "file.tenon-4194304-99.tmp"};
    for (size_t i = 0; i < TN_COUNT(stay); i++)
        make(in_folder(stay[i]), 0600);
    for (size_t i = 0; i < TN_COUNT(gone); i++)
        make(in_folder(gone[i]), 0600);
    assert_ok(save(in_folder("file"), "new"));
    assert_int_equal(lab_entries(folder), TN_COUNT(stay) + 1);
    for (size_t i = 0; i < TN_COUNT(stay); i++)
        assert_int_equal(remove(in_folder(stay[i])), 0);

    /* What is being written is not left over, whoever writes it; and what has our process's number may be
     * another one's, from before the machine or the container was started. */
    char own[64];
    snprintf(own, sizeof own, "file.tenon-%ld-0.tmp", (long)getpid());
    make(in_folder(own), 0600);
    tn_aside a, b;
    assert_ok(tn_aside_open(&a, in_folder("file")));
    assert_false(lab_exists(in_folder(own)));
    assert_ok(tn_aside_open(&b, in_folder("file")));
    assert_ok(tn_aside_write(&a, "one", 3));
    assert_ok(tn_aside_write(&b, "two!", 4));
    assert_ok(tn_aside_flush(&a));
    assert_ok(save(in_folder("file"), "three"));
    assert_ok(tn_aside_place(&b));
    assert_content(in_folder("file"), "two!");
    assert_ok(tn_aside_place(&a));
    tn_aside_discard(&a);
    tn_aside_discard(&b);
    assert_content(in_folder("file"), "one");
    start_afresh("file", NULL);
}

static void probing_changes_nothing(void **state)
{
    (void)state;
    assert_ok(tn_aside_probe(in_folder("file"), 1000));
    assert_int_equal(lab_entries(folder), 0);
    assert_fails(tn_aside_probe(in_folder("file"), (size_t)1 << 62), TN_ERR_IO,
                 "wants 4611686018427387904 bytes, and ");
    make(in_folder("file"), 0604);
    const struct stat before = look(in_folder("file"));
    assert_ok(tn_aside_probe(in_folder("file"), 1000));
    const struct stat after = look(in_folder("file"));
    assert_true(before.st_ino == after.st_ino && before.st_mode == after.st_mode);
    start_afresh("file", NULL);
}

/* In a child that is not root. cmocka's checks would end in the child; it tells by its status. */
static int as_nobody(void)
{
    if (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0)
        return 1;
    if (save(in_folder("blind/file"), "new") != TN_OK) /* may be written, not listed */
        return 2;
    if (save(in_folder("closed/file"), "new") != TN_ERR_IO ||
        tn_aside_probe(in_folder("closed/file"), 1) != TN_ERR_IO)
        return 3;
    if (save(in_folder("blind/protected"), "new") != TN_ERR_IO ||
        !strstr(tn_error(), "may not be written"))
        return 4;
    return save(in_folder("blind/others"), "new") == TN_OK ? 0 : 5;
}

static void not_as_root(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: only root can be somebody else\n");
        skip();
    }
    assert_int_equal(chmod(folder, 0711), 0);
    assert_int_equal(mkdir(in_folder("blind"), 0300), 0);
    assert_int_equal(mkdir(in_folder("closed"), 0755), 0);
    make(in_folder("blind/protected"), 0444);
    make(in_folder("blind/others"), 0662); /* of a group that nobody is in: it gets what all get */
    assert_int_equal(chown(in_folder("blind"), 65534, 65534), 0);
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0)
        _exit(as_nobody());
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
    assert_content(in_folder("blind/file"), "new");
    assert_content(in_folder("blind/protected"), "");
    assert_content(in_folder("blind/others"), "new");
    assert_int_equal(look(in_folder("blind/others")).st_mode & 07777, 0622);
    assert_int_equal(lab_entries(in_folder("blind")), 3);
    start_afresh("blind/file", "blind/protected", "blind/others", "blind", "closed", NULL);
}

static tn_status save_it(void *arg)
{
    (void)arg;
    return save(in_folder("link"), "new");
}

static void allocations_may_fail(void **state)
{
    (void)state;
    assert_int_equal(symlink("file", in_folder("link")), 0);
    assert_true(lab_fail_each_allocation(save_it, NULL) >= 5);
    assert_int_equal(lab_entries(folder), 2);
    start_afresh("file", "link", NULL);
}

int main(void)
{
    folder = lab_make_folder();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_stay),
        cmocka_unit_test(only_files_are_replaced),
        cmocka_unit_test(where_nothing_can_be),
        cmocka_unit_test(the_mode_stays),
        cmocka_unit_test(left_overs_go_and_nothing_else),
        cmocka_unit_test(probing_changes_nothing),
        cmocka_unit_test(not_as_root),
        cmocka_unit_test(allocations_may_fail),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    lab_remove(folder);
    return failed;
}
