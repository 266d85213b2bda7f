#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *message;
static char source_location[256];

int status_exit_code(enum status status)
{
    return status == STATUS_MEMORY ? STATUS_MACHINE : (int)status;
}

enum status status_fail(enum status status, const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0)
        text = NULL; // out of memory: only the status describes the error
    va_end(args);
    free(message); // after vasprintf: an argument may be the old message
    message = text;
    snprintf(source_location, sizeof source_location, "%s:%d", file, line);
    return status;
}

const char *status_message(void)
{
    return message ? message : "";
}

const char *status_source_location(void)
{
    return source_location;
}
