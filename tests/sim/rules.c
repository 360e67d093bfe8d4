#define _POSIX_C_SOURCE 200809L
#include "rules.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Its last words in `text`; the status that wait() gives. */
static int run_child(void (*body)(void), char *text, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        setenv("CMOCKA_TEST_ABORT", "1", 1); /* not on to the parent's next test */
        signal(SIGSEGV, SIG_DFL);
        body();
        fflush(NULL);
        _exit(0);
    }
    close(ends[1]);
    FILE *words = fdopen(ends[0], "r");
    assert_non_null(words);
    text[fread(text, 1, size - 1, words)] = '\0';
    while (fgetc(words) != EOF)
        ;
    fclose(words);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

void rule_breaks(const char *rule, const char *text, void (*body)(void))
{
    char said[8192], wanted[64];
    const int status = run_child(body, said, sizeof said);
    snprintf(wanted, sizeof wanted, "sim: %s: ", rule);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
        fail_msg("rule \"%s\" (%s) is not broken: status 0x%x, \"%s\"", rule, text, status, said);
    if (!strstr(said, wanted) || !strstr(said, text))
        fail_msg("rule \"%s\" (%s) should be broken, not: %s", rule, text, said);
}

void rule_faults(void (*body)(void))
{
    char said[8192];
    const int status = run_child(body, said, sizeof said);
    if (!(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV) && !strstr(said, "AddressSanitizer"))
        fail_msg("no fault: status 0x%x, \"%s\"", status, said);
}

void rule_exits(int status, void (*body)(void))
{
    char said[8192];
    const int end = run_child(body, said, sizeof said);
    if (!WIFEXITED(end) || WEXITSTATUS(end) != status)
        fail_msg("status 0x%x, \"%s\"", end, said);
}

void rule_assert(cudaError_t got, cudaError_t want, const char *call, const char *file, int line)
{
    if (got == want)
        return;
    fprintf(stderr, "%s:%d: %s: %s, not %s\n", file, line, call, cudaGetErrorName(got),
            cudaGetErrorName(want));
    _assert_true(0, call, file, line);
}

cudaStream_t new_stream(void)
{
    cudaStream_t s;
    assert_cuda(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
    return s;
}

cudaEvent_t new_event(void)
{
    cudaEvent_t e;
    assert_cuda(cudaEventCreateWithFlags(&e, cudaEventDisableTiming));
    return e;
}

void *new_device(size_t bytes)
{
    void *p;
    assert_cuda(cudaMalloc(&p, bytes));
    return p;
}

void *new_pinned(size_t bytes)
{
    void *p;
    assert_cuda(cudaMallocHost(&p, bytes));
    return p;
}
