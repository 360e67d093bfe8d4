/*
 * What is counted of a stream: frames, what was dropped or broken, and how long answers took, as a histogram whose memory does
 * not grow; its steps are a fortieth apart. Any thread may count.
 */
#ifndef VIDEO_FIGURES_H
#define VIDEO_FIGURES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { FIGURES_STEPS = 800 };

typedef struct figures {
    pthread_mutex_t lock;
    int64_t frames, answers, dropped, bad, again; /* again: how often a live source came back */
    int64_t shown_frames;                         /* when it was told last */
    double first, shown;          /* when the first frame came, when it was told last */
    double last;                  /* when the last one was answered */
    int32_t since[FIGURES_STEPS]; /* latencies since it was told last */
    int64_t all[FIGURES_STEPS];
} figures;

void figures_make(figures *f);
void figures_free(figures *f);
void figures_frame(figures *f, double now);
void figures_answer(figures *f, double latency);
void figures_dropped(figures *f);
void figures_bad(figures *f);
void figures_again(figures *f);

struct video;
/* A table to stderr: since it was told last, or of the whole time. */
void figures_tell(struct video *v, bool all);

#endif
