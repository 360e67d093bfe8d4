/*
 * tenon data check: what is wrong with a set. Measuring is the library's (<tenon/check.h>).
 */
#define _XOPEN_SOURCE 700 /* stat */

#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../common/args.h"
#include "../common/html.h"
#include "../common/json.h"
#include "../common/workspace.h"
#include "data.h"
#include "set.h"

static struct {
    const char *val, *exclude, *model, *device, *out, *html, *leave_out, *kinds, *workspace;
    int64_t size, threads, batch;
    bool json, strict, quiet, progress, force;
} flags = {.size = 224, .batch = 32};

static const char about[] =
    "Reads and decodes every picture of a set once, and says what is wrong with it: files that\n"
    "cannot be read, the same picture twice, under two labels or in validation too, pictures that\n"
    "look alike, classes that are empty, few, unequal or given away by something that is not in "
    "the\n"
    "picture. It changes no file.\n"
    "\n"
    "DIR is a set, or has the subfolders train and val, which are then taken for both.";

static const char more[] =
    "What to do about it: --leave-out exclude.txt writes which pictures to leave out, and "
    "training,\n"
    "packing and evaluation obey that list (--exclude exclude.txt).\n"
    "\n"
    "Exit status: 0; 1: the check failed; 2: flags or a set that cannot be; 3: --strict, and\n"
    "something was found.";

static const arg options[] = {
    {ARG_TEXT, "val", "DIR", "the pictures that it is measured on", &flags.val, 0, 0},
    {ARG_INT, "size", "S", "pixels on a side that a network will see", &flags.size, 1, 16384},
    ARG_EXCLUDE(&flags.exclude),
    {ARG_TEXT, "model", "FILE|RUN",
     "doubt labels by what this model, or the best of a run, says\nof the pictures, of val if "
     "there "
     "is one; right only for\npictures that it was not trained on",
     &flags.model, 0, 0},
    ARG_WORKSPACE(&flags.workspace),
    {ARG_TEXT, "device", "NAME", "of the model; default: the best there is", &flags.device, 0, 0},
    {ARG_INT, "batch", "N", "pictures that the model sees at once", &flags.batch, 1, 4096},
    {ARG_FLAG, "json", NULL, "all findings, with all paths, to stdout", &flags.json, 0, 0},
    {ARG_TEXT, "out", "FILE",
     "write that to a file instead, also -o; with --json stdout\nhas how much it is", &flags.out, 0,
     0},
    {ARG_TEXT, "html", "FILE", "write a page with the pictures of every finding", &flags.html, 0,
     0},
    {ARG_TEXT, "leave-out", "FILE", "write the pictures that it is advised to leave out",
     &flags.leave_out, 0, 0},
    {ARG_TEXT, "kinds", "LIST",
     "of --leave-out: no others than those of these findings,\nand all of those that are about "
     "pictures: leak,small",
     &flags.kinds, 0, 0},
    {ARG_FLAG, "strict", NULL, "exit status 3 if there are findings", &flags.strict, 0, 0},
    {ARG_INT, "threads", "N", "default: the number of cores", &flags.threads, 1, 1024},
    ARG_PROGRESS(&flags.progress),
    {ARG_FLAG, "quiet", NULL, "do not show how far it is", &flags.quiet, 0, 0},
    {ARG_FLAG, "force", NULL, "write over files that are there", &flags.force, 0, 0}};

/* ---- sets --------------------------------------------------------------------------------------- */

static bool is_folder(const char *path)
{
    struct stat about_it;
    return stat(path, &about_it) == 0 && S_ISDIR(about_it.st_mode);
}

/* DIR/train and DIR/val, if there are both and no --val. */
static void find_parts(checkup *c, const char *path)
{
    static char train[4096], val[4096];
    const int length = snprintf(train, sizeof train, "%s/train", path);
    snprintf(val, sizeof val, "%s/val", path);
    const bool both =
        !flags.val && length < (int)sizeof train && is_folder(train) && is_folder(val);
    c->path = both ? train : path;
    c->val_path = both ? val : flags.val;
}

static void examine(checkup *c)
{
    char model[RUN_PATH];
    if (flags.model)
        run_model(model, flags.workspace, flags.model);
    c->set = set_open(c->path, NULL, flags.exclude, flags.quiet);
    if (c->val_path)
        c->val = set_open(c->val_path, c->set, flags.exclude, flags.quiet);
    c->size = (int)flags.size;
    set_line line = set_line_begin(flags.quiet, flags.progress);
    const tn_status status =
        tn_check_set(&c->check, c->set,
                     &(tn_check_opts){.val = c->val,
                                      .size = c->size,
                                      .threads = (int)flags.threads,
                                      .progress = line.shown || line.plain ? set_line_show : NULL,
                                      .arg = &line});
    set_line_clear(&line);
    if (status != TN_OK)
        run_fail("%s", tn_error());
    if (flags.model)
        check_model(c, model, flags.device, (int)flags.batch);
}

tn_dataset *checkup_set_of(const checkup *c, int64_t item, int64_t *number)
{
    const int64_t first = tn_check_side_of(c->check, false)->items;
    *number = item < first ? item : item - first;
    return item < first ? c->set : c->val;
}

int64_t checkup_count(const checkup *c, tn_find kind)
{
    int64_t count = 0;
    for (int64_t i = 0; i < tn_check_num_findings(c->check); i++)
        count += tn_check_finding(c->check, i)->kind == kind;
    return count;
}

/* ---- leaving out -------------------------------------------------------------------------------- */

static bool is_kind(const char *name)
{
    for (const char *at = flags.kinds; at && *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == strlen(name) && strncmp(at, name, strlen(name)) == 0)
            return true;
    return false;
}

static void check_kinds(void)
{
    char known[512] = "";
    int named = 0, there = 0;
    for (int k = 0; k < TN_FINDS; k++) {
        const size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", k ? "," : "", tn_find_name((tn_find)k));
        there += is_kind(tn_find_name((tn_find)k));
    }
    for (const char *at = flags.kinds; at && *at; at += strcspn(at, ","), at += *at == ',')
        named++;
    if (named != there)
        args_fail("--kinds %s: each once of %s", flags.kinds, known);
    if (flags.kinds && !flags.leave_out)
        args_fail("--kinds is of --leave-out FILE");
}

typedef struct reason {
    const tn_finding *finding; /* NULL: the picture stays */
    const tn_suspect *suspect;
} reason;

/* Why to leave out each picture, the first that there is. `chosen`: as the flags say, else as it is advised. */
static reason *choose(const checkup *c, bool chosen)
{
    reason *why = calloc((size_t)tn_check_count(c->check) + 1, sizeof *why);
    if (!why)
        run_fail("no memory for what to leave out");
    for (int64_t i = 0; i < tn_check_num_findings(c->check); i++) {
        const tn_finding *f = tn_check_finding(c->check, i);
        if (chosen && flags.kinds && !is_kind(tn_find_name(f->kind)))
            continue;
        /* What advises nothing and is asked for by its kind: all, but of similar ones the largest stays. */
        bool advised = false;
        for (int64_t k = 0; k < f->count; k++)
            advised |= f->suspect[k].leave_out;
        const int64_t first = f->kind == TN_FIND_ALIKE;
        for (int64_t k = 0; k < f->count; k++) {
            const tn_suspect *s = &f->suspect[k];
            if (!why[s->item].finding &&
                (s->leave_out || (chosen && flags.kinds && !advised && k >= first)))
                why[s->item] = (reason){f, s};
        }
    }
    return why;
}

int64_t checkup_advised(const checkup *c)
{
    reason *why = choose(c, false);
    int64_t count = 0;
    for (int64_t i = 0; i < tn_check_count(c->check); i++)
        count += why[i].finding != NULL;
    free(why);
    return count;
}

static char *text_of(const reason *r)
{
    const char *name = tn_find_name(r->finding->kind);
    const char *why = r->suspect->why ? r->suspect->why : r->finding->text;
    const size_t room = strlen(name) + strlen(why) + 3;
    char *text = malloc(room);
    if (!text)
        run_fail("no memory for what to leave out");
    snprintf(text, room, "%s: %s", name, why);
    return text;
}

static void write_list(const checkup *c)
{
    reason *why = choose(c, true);
    const int64_t all = tn_check_count(c->check);
    tn_excluded *file = calloc((size_t)all + 1, sizeof *file);
    int64_t count = 0;
    if (!file)
        run_fail("no memory for what to leave out");
    for (int64_t i = 0; i < all; i++) {
        tn_checked item;
        if (why[i].finding && tn_check_item(c->check, i, &item))
            file[count++] = (tn_excluded){
                set_list_name(item.val ? c->val_path : c->path, item.val ? c->path : c->val_path,
                              item.path, strcmp(item.format ? item.format : "", "packed") == 0),
                text_of(&why[i])};
    }
    if (tn_exclude_write(flags.leave_out, file, count) != TN_OK)
        run_fail("%s", tn_error());
    args_warn("%lld picture%s to leave out %s in %s", (long long)count, count == 1 ? "" : "s",
              count == 1 ? "is" : "are", flags.leave_out);
    for (int64_t i = 0; i < count; i++) {
        free((void *)(uintptr_t)file[i].path);
        free((void *)(uintptr_t)file[i].reason);
    }
    free(file);
    free(why);
}

/* ---- together ----------------------------------------------------------------------------------- */

/* The line that asks for this again. */
static const char *line_of(const checkup *c, const char *given)
{
    static char line[16384];
    const struct {
        const char *flag, *value;
    } words[] = {{"", given},
                 {" --val", c->val_path == flags.val ? flags.val : NULL},
                 {" --exclude", flags.exclude},
                 {" --model", flags.model}};
    size_t used = (size_t)snprintf(line, sizeof line, "tenon data check");
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (words[i].value && used < sizeof line) {
            char *quoted = shell_quote(words[i].value);
            used +=
                (size_t)snprintf(line + used, sizeof line - used, "%s %s", words[i].flag, quoted);
            free(quoted);
        }
    if (flags.size != 224 && used < sizeof line)
        snprintf(line + used, sizeof line - used, " --size %d", (int)flags.size);
    return line;
}

static void write_report(const checkup *c)
{
    whole w;
    whole_begin(&w, flags.out, flags.force);
    check_json(c, w.to);
    whole_end(&w);
    if (!flags.json)
        return;
    json j = {.to = stdout};
    json_object(&j, NULL);
    json_text(&j, "out", flags.out);
    json_count(&j, "pictures", tn_check_count(c->check));
    json_count(&j, "findings", tn_check_num_findings(c->check));
    json_count(&j, "advised", checkup_advised(c));
    json_end(&j, '}');
}

int data_check(int argc, char **argv)
{
    const args a = {.usage = "tenon-data check DIR [options]",
                    .about = about,
                    .more = more,
                    .options = options,
                    .count = sizeof options / sizeof options[0],
                    .min_words = 1,
                    .max_words = 1,
                    .words = "a set"};
    args_parse(&a, argc, argv);
    check_kinds();
    if (flags.out)
        whole_probe(flags.out, flags.force);
    if (flags.html)
        whole_probe(flags.html, flags.force);
    if (flags.leave_out)
        whole_probe(flags.leave_out, flags.force);
    checkup c = {.name = argv[1], .list = flags.leave_out};
    find_parts(&c, argv[1]);
    c.given = line_of(&c, argv[1]);
    examine(&c);
    if (flags.leave_out)
        write_list(&c);
    if (flags.html)
        check_html(&c, flags.html, flags.force);
    if (flags.out)
        write_report(&c);
    else if (flags.json)
        check_json(&c, stdout);
    else
        check_say(&c, stdout);
    const bool found = tn_check_num_findings(c.check) > 0;
    tn_check_close(c.check);
    tn_dataset_close(c.val);
    tn_dataset_close(c.set);
    if (fflush(stdout) != 0)
        run_fail("stdout cannot be written");
    return found && flags.strict ? 3 : 0;
}
