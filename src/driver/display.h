/* A picture of several lines on a terminal that is drawn again in place. */
#ifndef DRIVER_DISPLAY_H
#define DRIVER_DISPLAY_H

#include <stdbool.h>
#include <stdio.h>

struct display {
    FILE *out;
    bool full_screen; // draw from the top of the screen; else at the cursor, below the output before
    int width;        // longer lines are cut to width - 1 bytes; 0: the terminal cuts them
    int lines;        // number of lines that are on the screen
};

/* Replaces the picture on the screen. `picture`: lines, each with a newline at its end. */
void display_draw(struct display *display, const char *picture);

/* Removes the picture from the screen. The cursor goes to the picture's first line. */
void display_erase(struct display *display);

#endif
