#include "driver/display.h"

#include <string.h>

static void move_to_first_line(struct display *display)
{
    if (display->full_screen)
        fputs("\033[H", display->out);
    else if (display->lines > 0)
        fprintf(display->out, "\033[%dA\r", display->lines);
    display->lines = 0;
}

void display_draw(struct display *display, const char *picture)
{
    fputs("\033[?7l", display->out); // the terminal cuts long lines, so that each takes one row
    move_to_first_line(display);
    for (const char *line = picture; *line;) {
        int length = (int)strcspn(line, "\n");
        int shown = display->width > 0 && length >= display->width ? display->width - 1 : length;
        fprintf(display->out, "%.*s\033[K\n", shown, line);
        line += length + (line[length] == '\n');
        display->lines++;
    }
    fputs("\033[J\033[?7h", display->out);
    fflush(display->out);
}

void display_erase(struct display *display)
{
    move_to_first_line(display);
    fputs("\033[J", display->out);
}
