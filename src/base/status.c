#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *message;
static char place[256];

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
        text = NULL; // no memory even for the message: the status still tells the class of failure
    va_end(args);
    free(message); // only now: an argument may be the old message
    message = text;
    snprintf(place, sizeof place, "%s:%d", file, line);
    return status;
}

const char *status_message(void)
{
    return message ? message : "";
}

const char *status_place(void)
{
    return place;
}
