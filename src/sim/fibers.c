/*
 * Fibers: stacks that a thread of the system can go to and come back from.
 *
 * A fiber is entered with setcontext(), which is slow, the first time, and with _longjmp() later. It runs
 * one function, which never returns: it leaves, and goes on when it is resumed. Fibers that have nothing
 * to do are kept for later.
 */
#define _DEFAULT_SOURCE
#undef _FORTIFY_SOURCE /* which takes a jump to another stack for an attack */
#include <setjmp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "sim/_runtime.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#else
#define __sanitizer_start_switch_fiber(fake, bottom, size) ((void)(bottom), (void)(size))
#define __sanitizer_finish_switch_fiber(fake, bottom, size) ((void)(bottom), (void)(size))
#endif

enum { STACK = 256 * 1024, GUARD = 64 * 1024 };

struct tn_sim_fiber {
    ucontext_t start;
    jmp_buf at;
    unsigned char *stack;
    bool entered;
    void (*body)(void);
    void *fake;         /* the address sanitizer's */
    tn_sim_fiber *next; /* of those that are idle */
};

/* The stack that resumes them. */
static struct {
    jmp_buf at;
    void *fake;
    const void *stack;
    size_t stack_bytes;
} home;
static tn_sim_fiber *now, *idle;

static void enter(void)
{
    __sanitizer_finish_switch_fiber(NULL, &home.stack, &home.stack_bytes);
    now->body();
}

static tn_sim_fiber *fiber_new(void (*body)(void))
{
    tn_sim_fiber *f = tn_sim_new(1, sizeof *f);
    unsigned char *memory = mmap(NULL, GUARD + STACK, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory, GUARD, PROT_NONE))
        tn_sim_break("host", "no memory for a stack of %d bytes", STACK);
    f->stack = memory + GUARD;
    f->body = body;
    return f;
}

static void prepare(tn_sim_fiber *f)
{
    getcontext(&f->start);
    f->start.uc_stack.ss_sp = f->stack;
    f->start.uc_stack.ss_size = STACK;
    makecontext(&f->start, enter, 0);
}

tn_sim_fiber *tn_sim_fiber_take(void (*body)(void))
{
    if (idle) {
        tn_sim_fiber *f = idle;
        idle = f->next;
        return f;
    }
    tn_sim_fiber *f = fiber_new(body);
    prepare(f);
    return f;
}

void tn_sim_fiber_rest(void)
{
    now->next = idle;
    idle = now;
    tn_sim_fiber_leave();
}

tn_sim_fiber *tn_sim_fiber_now(void)
{
    return now;
}

void tn_sim_fiber_leave(void)
{
    if (_setjmp(now->at) == 0) {
        __sanitizer_start_switch_fiber(&now->fake, home.stack, home.stack_bytes);
        _longjmp(home.at, 1);
    }
    __sanitizer_finish_switch_fiber(now->fake, NULL, NULL);
}

void tn_sim_fiber_resume(tn_sim_fiber *f)
{
    now = f;
    if (_setjmp(home.at) == 0) {
        __sanitizer_start_switch_fiber(&home.fake, now->stack, STACK);
        if (now->entered)
            _longjmp(now->at, 1);
        now->entered = true;
        setcontext(&now->start);
    }
    __sanitizer_finish_switch_fiber(home.fake, NULL, NULL);
}
