/*
 * trace: what a plan does, for a profile. A device that returns when the work is done is timed by the clock; of another each span has
 * two stamps, which are read when there is reason to wait for it anyway: results are read, the room is full, another plan comes, the plan
 * ends.
 */
#include "base/trace.h"

#include <stdio.h>
#include <string.h>

#include "run/run.h"

enum { STAMPS = 1 /* slot 0 is the time that others are told from */, ROOM = 1024 };

typedef struct plan_span {
    tn_lane lane;
    int step;                /* of the plan; -1: it is none */
    const char *kind, *name; /* then */
    double begin, end, bytes;
} plan_span;

struct tn_plan_trace {
    plan_span *span;
    int count, capacity;
    bool active; /* in what the plan does now: no profile begins in the middle of a recording */
    double zero; /* when slot 0 was stamped; 0: not since the last were told */
};

static bool stamps(const tn_plan *p)
{
    return tn_plan_backend(p)->stamp != NULL;
}

bool tn_plan_is_traced(const tn_plan *p)
{
    return p->trace && p->trace->active;
}

void tn_plan_trace_free(tn_plan *p)
{
    tn_error_kept kept;
    if (!p->trace)
        return;
    tn_error_keep(&kept);
    if (tn_trace_is_on() && tn_plan_trace_tell(p) != TN_OK)
        p->trace->count = 0; /* what is lost is a profile's */
    tn_error_put_back(&kept);
    if (p->device->stamped == p)
        p->device->stamped = NULL;
    tn_free(p->trace->span);
    tn_free(p->trace);
    p->trace = NULL;
}

/* ---- telling ------------------------------------------------------------------------------------- */

/* "conv2d+relu, winograd" */
static void describe(const tn_step_info *s, char text[TN_TRACE_DETAIL])
{
    snprintf(text, TN_TRACE_DETAIL, "%s%s%s, %s", s->op, s->fused ? "+" : "",
             s->fused ? s->fused : "", s->kernel ? s->kernel : "");
}

static const char *track_of(const tn_plan *p, tn_lane lane, char text[TN_TRACE_NAME])
{
    static const char *const ends[] = {
        [TN_LANE_STEPS] = "", [TN_LANE_COPIES] = " copies", [TN_LANE_SUMS] = " sums"};
    const char *name = p->device->name;
    const size_t length = strcspn(name, ","); /* its options are the same in all of the profile */
    snprintf(text, TN_TRACE_NAME, "%.*s%s", length < 40 ? (int)length : 40, name, ends[lane]);
    return text;
}

/* Passes of which a step is a part: forward, backward; NULL: it stands by itself. */
static const char *part_of(tn_pass pass)
{
    return pass == TN_PASS_FORWARD || pass == TN_PASS_TALLY  ? "forward"
           : pass == TN_PASS_BACKWARD || pass == TN_PASS_ADD ? "backward"
                                                             : NULL;
}

static tn_status tell_step(const tn_plan *p, const plan_span *s, const char *track)
{
    tn_step_info info;
    char detail[TN_TRACE_DETAIL];
    TN_TRY(tn_plan_step(p, s->step, &info));
    describe(&info, detail);
    tn_trace(&(tn_trace_span){.kind = tn_pass_name(info.pass),
                              .on = track,
                              .name = info.node,
                              .detail = detail,
                              .begin = s->begin,
                              .end = s->end,
                              .flops = info.flops,
                              .bytes = (double)info.read + (double)info.written});
    return TN_OK;
}

/* The steps from `from` on that are of one pass of one run, as one span. */
static tn_status tell_pass(const tn_plan *p, int from, const char *track)
{
    const struct tn_plan_trace *t = p->trace;
    const char *part = NULL;
    double end = 0;
    int last = -1;
    for (int i = from; i < t->count; i++) {
        tn_step_info info;
        const plan_span *s = &t->span[i];
        if (s->lane != TN_LANE_STEPS)
            continue;
        TN_TRY(tn_plan_step(p, s->step, &info));
        const char *is = part_of(info.pass);
        if (last >= 0 && (is != part || s->step <= last))
            break;
        part = is;
        last = s->step;
        end = s->end;
    }
    if (part)
        tn_trace(&(tn_trace_span){
            .kind = "pass", .on = track, .name = part, .begin = t->span[from].begin, .end = end});
    return TN_OK;
}

/* Does another pass begin with this step? */
static tn_status begins_pass(const tn_plan *p, int last, int step, bool *yes)
{
    tn_step_info a, b;
    *yes = last < 0 || step <= last;
    if (*yes)
        return TN_OK;
    TN_TRY(tn_plan_step(p, last, &a));
    TN_TRY(tn_plan_step(p, step, &b));
    *yes = part_of(a.pass) != part_of(b.pass);
    return TN_OK;
}

static tn_status read_stamps(const tn_plan *p)
{
    const tn_backend *b = tn_plan_backend(p);
    struct tn_plan_trace *t = p->trace;
    TN_TRY(b->wait(p->device->impl));
    for (int i = 0; i < t->count; i++) {
        double begin, end;
        TN_TRY(b->stamp_time(p->device->impl, STAMPS + 2 * i, &begin));
        TN_TRY(b->stamp_time(p->device->impl, STAMPS + 2 * i + 1, &end));
        t->span[i].begin = t->zero + begin;
        t->span[i].end = t->zero + end;
    }
    return TN_OK;
}

static tn_status tell(tn_plan *p)
{
    struct tn_plan_trace *t = p->trace;
    int last = -1;
    if (stamps(p))
        TN_TRY(read_stamps(p));
    for (int i = 0; i < t->count; i++) {
        const plan_span *s = &t->span[i];
        char track[TN_TRACE_NAME];
        bool begins = false;
        track_of(p, s->lane, track);
        if (s->step < 0) {
            tn_trace(&(tn_trace_span){.kind = s->kind,
                                      .on = track,
                                      .name = s->name,
                                      .begin = s->begin,
                                      .end = s->end,
                                      .bytes = s->bytes});
            continue;
        }
        TN_TRY(begins_pass(p, last, s->step, &begins));
        if (begins)
            TN_TRY(tell_pass(p, i, track));
        TN_TRY(tell_step(p, s, track));
        last = s->step;
    }
    return TN_OK;
}

tn_status tn_plan_trace_tell(tn_plan *p)
{
    struct tn_plan_trace *t = p->trace;
    if (!t || t->count == 0)
        return TN_OK;
    const tn_status status = tell(p);
    t->count = 0;
    t->zero = 0;
    return status;
}

/* ---- taking -------------------------------------------------------------------------------------- */

/* Slots are the device's: another plan tells what it has in them before this one writes there. */
static tn_status begin_stamps(tn_plan *p)
{
    const tn_backend *b = tn_plan_backend(p);
    if (p->device->stamped && p->device->stamped != p)
        TN_TRY(tn_plan_trace_tell(p->device->stamped));
    p->device->stamped = p;
    if (p->trace->zero > 0)
        return TN_OK;
    TN_TRY(b->wait(p->device->impl));
    TN_TRY(b->stamp(p->device->impl, TN_LANE_STEPS, 0, NULL));
    p->trace->zero = tn_now();
    return TN_OK;
}

tn_status tn_plan_trace_ready(tn_plan *p)
{
    if (p->trace)
        p->trace->active = tn_trace_is_on();
    if (!tn_trace_is_on())
        return TN_OK;
    const int most = ROOM + 4 * ((int)p->num_steps + p->num_buckets + 1);
    if (!p->trace) {
        p->trace = tn_alloc(1, sizeof *p->trace);
        if (!p->trace)
            return tn_no_memory("profile", sizeof *p->trace);
        p->trace->span = tn_alloc((size_t)most, sizeof *p->trace->span);
        if (!p->trace->span) {
            tn_free(p->trace);
            p->trace = NULL;
            return tn_no_memory("profile", (size_t)most * sizeof(plan_span));
        }
        p->trace->capacity = most;
        p->trace->active = true;
    }
    if (p->trace->count > ROOM)
        TN_TRY(tn_plan_trace_tell(p));
    return stamps(p) ? begin_stamps(p) : TN_OK;
}

static tn_status open_span(tn_plan *p, const plan_span *span, const char *name, int *out)
{
    struct tn_plan_trace *t = p->trace;
    *out = -1;
    if (t->count == t->capacity)
        return TN_OK;
    *out = t->count++;
    t->span[*out] = *span;
    if (stamps(p))
        return tn_plan_backend(p)->stamp(p->device->impl, span->lane, STAMPS + 2 * *out, name);
    t->span[*out].begin = tn_now();
    return TN_OK;
}

tn_status tn_plan_trace_step(tn_plan *p, int step, int *out)
{
    *out = -1;
    if (!tn_plan_is_traced(p))
        return TN_OK;
    const bool of_node = step < (int)p->num_steps && p->step[step].node;
    return open_span(p, &(plan_span){.lane = TN_LANE_STEPS, .step = step},
                     of_node ? p->step[step].node->node.name : "update", out);
}

tn_status tn_plan_trace_span(tn_plan *p, tn_lane lane, const char *kind, const char *name,
                             size_t bytes, int *out)
{
    *out = -1;
    if (!tn_plan_is_traced(p))
        return TN_OK;
    return open_span(
        p,
        &(plan_span){.lane = lane, .step = -1, .kind = kind, .name = name, .bytes = (double)bytes},
        name, out);
}

tn_status tn_plan_trace_end(tn_plan *p, int span)
{
    if (span < 0)
        return TN_OK;
    plan_span *s = &p->trace->span[span];
    if (stamps(p))
        return tn_plan_backend(p)->stamp(p->device->impl, s->lane, STAMPS + 2 * span + 1, NULL);
    s->end = tn_now();
    return TN_OK;
}
