#include "log.h"

#include <libavutil/error.h>
#include <libavutil/log.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char said[256], why[512];

__attribute__((format(printf, 3, 0))) static void catch (void *of, int level, const char *format,
                                                         va_list values)
{
    (void)of;
    if (level > AV_LOG_ERROR)
        return;
    vsnprintf(said, sizeof said, format, values);
    said[strcspn(said, "\r\n")] = '\0';
}

void log_catch(void)
{
    av_log_set_callback(catch);
}

void log_begin(void)
{
    said[0] = '\0';
}

bool log_said(void)
{
    return said[0] != '\0';
}

const char *log_why(int error)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(error, text, sizeof text);
    snprintf(why, sizeof why, "%s%s%s%s", text, said[0] ? " (" : "", said, said[0] ? ")" : "");
    return why;
}
