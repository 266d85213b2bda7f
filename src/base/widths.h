/* A short list of positive integers: layer widths. */
#ifndef BASE_WIDTHS_H
#define BASE_WIDTHS_H

enum { WIDTHS_MAX = 8 };

struct widths {
    int count;
    int width[WIDTHS_MAX];
};

#endif
