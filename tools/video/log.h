/*
 * What FFmpeg says of itself is not printed: the last thing that it said in a thread is kept, to be told with what failed.
 */
#ifndef VIDEO_LOG_H
#define VIDEO_LOG_H

#include <stdbool.h>

void log_catch(void);
/* Forgets what was said in this thread. */
void log_begin(void);
/* Was anything said since then? */
bool log_said(void);
/* "Invalid data found when processing input", or that and what was said since log_begin(); good until the next in this thread. */
const char *log_why(int error);

#endif
