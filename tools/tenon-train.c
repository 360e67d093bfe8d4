/*
 * tenon-train: trains any network on a folder of images, in a run folder. --help tells how, docs/tenon-train.md tells all.
 */
#define _XOPEN_SOURCE 700 /* localtime_r, realpath */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/args.h"
#include "common/whole.h"
#include "train/job.h"
#include "train/rates.h"
#include "train/solver.h"

static const char about[] =
    "Trains a network on a folder of images, in a run folder: its log, its checkpoints, and all "
    "that\n"
    "repeats it. Killed at any moment it goes on with --resume, bit for bit.\n\n"
    "DATA has one subfolder a class, or is a text file with a line \"path label\" an image, or "
    "was\n"
    "written by tenon data pack. If DATA has the subfolders train and val, those are taken.";

static const char more[] =
    "A run that goes on takes its recipe from its folder; only --device, of the same kind, "
    "--threads,\n"
    "--log-every and --keep may be others.\n\n"
    "Ctrl-C, kill and SIGUSR1 end the run after the step at hand and save it; SIGHUP saves it, and "
    "it\n"
    "goes on. A second Ctrl-C ends it at once: then it goes on from its last checkpoint.\n\n"
    "Exit status: 0; 1: the run failed, or its last save; 2: flags or folders that cannot be;\n"
    "128 + signal: stopped.\n\n"
    "Examples:\n"
    "  tenon train photos --net resnet18 --split 10 --epochs 40\n"
    "  tenon train photos --net resnet18 --split 10 --run first\n"
    "  tenon train --resume first\n"
    "  tenon train photos --solver solver.prototxt --size 224\n"
    "  tenon train flowers --init first --freeze "
    "\"conv1,layer1*\"";

static struct {
    const char *run, *workspace, *resume, *repeat, *solver, *profile;
    int64_t keep, log_every, save_every, save_steps, lock_fd, profile_steps;
    bool queue, rates;
} o = {.profile_steps = 20};

static const arg options[] = {
    {ARG_HEADING, .help = "The run"},
    {ARG_TEXT, "run", "NAME|DIR",
     "its folder, or its name in the workspace's runs/;\ndefault: a name of the net and the time",
     &o.run, 0, 0},
    ARG_WORKSPACE(&o.workspace),
    {ARG_TEXT, "resume", "NAME|DIR", "go on with this run", &o.resume, 0, 0},
    {ARG_TEXT, "repeat", "NAME|DIR", "do what this run did, from its beginning, as another run",
     &o.repeat, 0, 0},
    {ARG_TEXT, "solver", "FILE",
     "train as a solver of Caffe's says: its net, its steps, its\nrates; flags of one's own hold "
     "in "
     "its place",
     &o.solver, 0, 0},
    {ARG_FLAG, "queue", NULL,
     "wait until the device is free, behind all that wait already;\nslots are the workspace's, or "
     "those of $TENON_SLOTS",
     &o.queue, 0, 0},
    {ARG_INT, "save-every", "EPOCHS", "from one checkpoint to the next; default 1", &o.save_every,
     1, 1e9},
    {ARG_INT, "save-steps", "STEPS", "and one after so many steps; default: none", &o.save_steps, 1,
     1e9},
    {ARG_INT, "keep", "N", "how many checkpoints stay, beside the best; default 3", &o.keep, 1,
     1e6},
    {ARG_INT, "log-every", "STEPS", "between two lines of the log; default 20", &o.log_every, 1,
     1e9},
    {ARG_FLAG, "rates", NULL, "train nothing, and want no data: tell as JSON how the rate moves",
     &o.rates, 0, 0},
    {ARG_TEXT, "profile", "FILE",
     "what happened when in some steps: kernels, copies, sums, loader\nthreads, for "
     "ui.perfetto.dev; and a table of what each layer took",
     &o.profile, 0, 0},
    {ARG_INT, "profile-steps", "N", "of how many steps, behind the first five", &o.profile_steps, 1,
     10000},
    {ARG_INT, "lock-fd", "N",
     "the run's lock, held already by who started this program;\ndefault: it takes the lock itself",
     &o.lock_fd, 3, 1e6},
};

/* The net's name in letters that a run's name may have: "dir/My net.txt" is "my-net". */
static void name_net(char name[24], const recipe *r)
{
    const char *from = r->net ? r->net : r->init, *slash = strrchr(from, '/');
    from = slash ? slash + 1 : from;
    int length = 0;
    for (; *from && *from != '.' && length < 23; from++) {
        const unsigned char c = (unsigned char)*from;
        if (isascii(c) && isalnum(c))
            name[length++] = (char)tolower(c);
        else if (length > 0 && name[length - 1] != '-')
            name[length++] = '-';
    }
    name[length] = '\0';
    if (length == 0)
        strcpy(name, "net");
}

/* "slim-20261129-020512", or with -2, -3, ... behind it if there is one; rank 0 says it to all. */
static void name_run(job *j)
{
    char stem[24], when[32], name[RUN_NAME + 1];
    const time_t now = time(NULL);
    struct tm local;
    name_net(stem, &j->s.r);
    strftime(when, sizeof when, "%Y%m%d-%H%M%S", localtime_r(&now, &local));
    int next = 2;
    snprintf(name, sizeof name, "%s-%s", stem, when);
    for (;; next++) {
        run_folder(j->folder, o.workspace, name);
        if (access(j->folder, F_OK) != 0)
            break;
        snprintf(name, sizeof name, "%s-%s-%d", stem, when, next);
    }
    if (o.queue) /* is in one process, and has no device yet */
        return;
    char *all = malloc((size_t)tn_device_ranks(j->s.device) * RUN_PATH);
    if (!all)
        run_fail("no memory for the name of the run");
    tn_must(tn_device_gather(j->s.device, j->folder, RUN_PATH, all));
    memcpy(j->folder, all, RUN_PATH);
    free(all);
}

static void choose_folder(job *j)
{
    if (o.run)
        run_folder(j->folder, o.workspace, o.run);
    else
        name_run(j);
    if (!o.run || !strchr(o.run, '/'))
        runs_folder_make(o.workspace);
}

/* From anywhere, since a run may go on from another folder than it was begun in. */
static void make_whole(const char **path)
{
    char *full = *path ? realpath(*path, NULL) : NULL;
    if (full)
        *path = full; /* as long as the program */
}

static void parse_new(job *j, int argc, char **argv, const recipe_program *p)
{
    recipe *r = &j->s.r;
    recipe_parse(r, argc, argv, p);
    if (o.solver && !r->steps)
        args_fail("%s does not say how long to train (max_iter): --steps does", o.solver);
    if (o.rates) {
        r->folder = "";
        recipe_check(r, p->usage);
        rates_tell(r);
        exit(fflush(stdout) == 0 ? 0 : 1);
    }
    if (!r->net && !r->init)
        args_fail("which network? --net NAME|FILE, or --init FILE; there are %s", net_names());
    recipe_check(r, p->usage);
    make_whole(&r->val);
    make_whole(&r->exclude);
    static char init[RUN_PATH];
    if (r->init) {
        run_model(init, o.workspace, r->init);
        r->init = init;
        make_whole(&r->init);
    }
    j->keep = o.keep ? o.keep : 3;
    j->log_every = o.log_every ? o.log_every : 20;
    j->save_every = o.save_every ? o.save_every : 1;
    j->save_steps = o.save_steps;
}

/* Of a run that is there: recipe, net and data are its own. */
static void parse_old(job *j, int argc, char **argv, const recipe_program *p)
{
    recipe_parse_machine(&j->s.r, argc, argv, p);
    if (o.resume && o.repeat)
        args_fail("--resume and --repeat cannot both say which run");
    if (o.resume && o.run)
        args_fail("--run is of a new run, --resume of one that is there");
    if (o.solver)
        args_fail("--solver %s", p->why_not);
    if (o.save_every || o.save_steps)
        args_fail("--save-%s %s", o.save_every ? "every" : "steps", p->why_not);
    j->resumes = o.resume != NULL;
    j->keep = o.keep;
    j->log_every = o.log_every;
    run_folder(j->from, o.workspace, o.resume ? o.resume : o.repeat);
    if (j->resumes)
        memcpy(j->folder, j->from, RUN_PATH);
    job_read_config(j);
    recipe_check(&j->s.r, p->usage);
}

static bool is_given(int argc, char **argv, const char *option)
{
    const size_t length = strlen(option);
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strncmp(argv[i], option, length) == 0 &&
            (argv[i][length] == '\0' || argv[i][length] == '='))
            return true;
    return false;
}

static void parse(job *j, int argc, char **argv)
{
    const recipe_program p = {
        .usage = "tenon-train [options] DATA --net NAME|FILE",
        .what = "trains any network on a folder of images, in a run that can be resumed",
        .about = about,
        .more = more,
        .own = options,
        .num_own = sizeof options / sizeof options[0],
        .why_not = "is the run's own, which is as it began; for another begin a run with "
                   "--init and one of its checkpoints"};
    if (is_given(argc, argv, "--resume") || is_given(argc, argv, "--repeat"))
        parse_old(j, argc, argv, &p);
    else
        parse_new(j, argc, argv, &p);
    j->lock_fd = o.lock_fd;
}

/* The command line that starts the run again, wherever it is called, with the name that the run has got. */
static const char **make_command(const job *j, int argc, char **argv)
{
    const char **command = calloc((size_t)argc + 3, sizeof *command);
    if (!command)
        run_fail("no memory for a command line");
    memcpy(command, argv, (size_t)argc * sizeof *command);
    static char self[RUN_PATH];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length > 0)
        command[0] = self;
    if (!j->resumes && !o.run) {
        command[argc++] = "--run";
        command[argc] = j->folder;
    }
    return command;
}

int main(int argc, char **argv)
{
    job j = {0};
    char **given = calloc((size_t)argc + 1, sizeof *given); /* parsing puts words in front */
    if (!given)
        run_fail("no memory for a command line");
    memcpy(given, argv, (size_t)argc * sizeof *given);
    int count = argc;
    char **words = solver_expand(&count, argv);
    parse(&j, count, words);
    if (o.queue) {
        if (!j.resumes)
            choose_folder(&j);
        const char **command = make_command(&j, argc, given);
        job_wait(&j, workspace_folder(o.workspace), command);
        free(command);
    }
    free(given);
    if (o.profile)
        whole_probe(o.profile, false);
    j.s.profile.path = o.profile;
    j.s.profile.steps = o.profile_steps;
    session_open(&j.s);
    if (!j.resumes && !o.queue)
        choose_folder(&j);
    tell_start(&j.s);
    if (o.repeat && tn_device_rank(j.s.device) == 0)
        tn_must(tn_run_repeat_orders(j.from, j.folder));
    job_open(&j);
    const int status = job_train(&j);
    job_close(&j);
    return status;
}
