#include "recipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"

tn_optim recipe_optim(const recipe *r)
{
    const float decay = (float)r->decay, momentum = (float)r->momentum;
    const tn_adam_opts adam = {.beta1 = TN_EXACTLY(momentum),
                               .beta2 = TN_EXACTLY((float)r->beta2),
                               .epsilon = TN_EXACTLY((float)r->epsilon),
                               .weight_decay = decay};
    if (strcmp(r->optim, "adam") == 0)
        return tn_adam(&adam);
    if (strcmp(r->optim, "adamw") == 0)
        return tn_adamw(&adam);
    return tn_sgd(
        &(tn_sgd_opts){.momentum = momentum, .weight_decay = decay, .nesterov = r->nesterov});
}

/* "10,20.5": epochs, as steps, or steps; rising. */
static void parse_at(tn_rate *rate, const char *text, double per_epoch)
{
    int count = 0;
    for (const char *p = text; p && *p;) {
        char *end;
        const double epoch = strtod(p, &end);
        if (end == p || (*end && *end != ',') || !(epoch > 0 && epoch < 1e9) ||
            count == TN_RATE_MAX_AT)
            args_fail("--rate-at wants up to %d epochs such as 30,60, not \"%s\"", TN_RATE_MAX_AT,
                      text);
        rate->at[count++] = (int64_t)(epoch * per_epoch + 0.5);
        p = *end ? end + 1 : end;
    }
}

tn_rate recipe_rate(const recipe *r, int64_t updates_per_epoch)
{
    /* Where the run is so many steps long, all that is counted in epochs is counted in steps. */
    const double per_epoch = r->steps ? 1 : (double)updates_per_epoch;
    const double epochs = (double)(r->steps ? r->steps : r->epochs);
    tn_rate rate = {.base = TN_EXACTLY(r->rate),
                    .gamma = r->gamma,
                    .power = r->power,
                    .steps = r->steps ? r->steps : r->epochs * updates_per_epoch};
    rate.warmup = (int64_t)((r->warmup < 0 ? epochs / 20 : r->warmup) * per_epoch + 0.5);
    const double period = (r->period >= 0 ? r->period : epochs / 3) * per_epoch;
    rate.period = period < 1 ? 1 : (int64_t)(period + 0.5);
    parse_at(&rate, r->rate_at, per_epoch);
    tn_must(tn_rate_find(r->policy, &rate.policy)); /* recipe_parse() has looked */
    if (tn_rate_check(&rate) != TN_OK)
        args_fail("%s", tn_error());
    return rate;
}

static tn_crop crop_of(const char *word)
{
    return strcmp(word, "centre") == 0   ? TN_CROP_CENTRE
           : strcmp(word, "random") == 0 ? TN_CROP_RANDOM
                                         : TN_CROP_RANDOM_RESIZED;
}

tn_loader_opts recipe_loader(const recipe *r, const network *n)
{
    const bool none = strcmp(r->augment, "none") == 0, full = strcmp(r->augment, "full") == 0;
    const float jitter = (float)(r->jitter >= 0 ? r->jitter : full ? 0.4 : 0);
    return (tn_loader_opts){
        .batch = (int)r->batch,
        .height = n->height,
        .width = n->width,
        .resize = n->resize,
        .crop = r->crop ? crop_of(r->crop)
                : none  ? TN_CROP_CENTRE
                : full  ? TN_CROP_RANDOM_RESIZED
                        : TN_CROP_RANDOM,
        .flip = !none && !r->no_flip,
        .brightness = jitter,
        .contrast = jitter,
        .saturation = jitter,
        .lighting = (float)(r->lighting >= 0 ? r->lighting
                            : full           ? 0.1
                                             : 0),
        .mixup = (float)r->mixup,
        .shuffle = true,
        .threads = (int)r->threads,
        .seed = (uint64_t)r->seed,
        .on_bad = strcmp(r->bad, "stop") == 0 ? TN_BAD_STOP : TN_BAD_SKIP,
        .max_bad = TN_EXACTLY(r->max_bad),
    };
}

recipe_text recipe_describe(const recipe *r)
{
    recipe_text t;
    snprintf(
        t.text, sizeof t.text,
        "batch %lld x %lld, seed %lld, %lld %s, %s%s, rate %g %s, gamma %g, power %g, period "
        "%g, at %s, warmup %g, momentum %g, decay %g, clip %g, smoothing %g, mixup %g, augment %s, "
        "crop "
        "%s%s, jitter %g, lighting %g, split %g, precision %s%s%s%s%s, ema %g",
        (long long)r->batch, (long long)r->accumulate, (long long)r->seed,
        (long long)(r->steps ? r->steps : r->epochs), r->steps ? "steps" : "epochs", r->optim,
        r->nesterov ? " (Nesterov)" : "", r->rate, r->policy, r->gamma, r->power, r->period,
        r->rate_at ? r->rate_at : "none", r->warmup, r->momentum, r->decay, r->clip, r->smoothing,
        r->mixup, r->augment, r->crop ? r->crop : "as that", r->no_flip ? ", no flip" : "",
        r->jitter, r->lighting, r->split, r->precision, r->freeze ? ", freeze " : "",
        r->freeze ? r->freeze : "", r->exclude ? ", exclude " : "", r->exclude ? r->exclude : "",
        r->ema);
    return t;
}
