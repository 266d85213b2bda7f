/* A short list of positive integers: layer widths. */
#ifndef BASE_WIDTHS_H
#define BASE_WIDTHS_H

enum { WIDTHS_MAX = 8 };

struct widths {
    int count;
    int width[WIDTHS_MAX];
};

/* The last width of a list that is not empty. */
static inline int widths_last(const struct widths *widths)
{
    return widths->width[widths->count - 1];
}

/* The largest width; 0 if the list is empty. */
static inline int widths_max(const struct widths *widths)
{
    int max = 0;
    for (int i = 0; i < widths->count; i++)
        max = widths->width[i] > max ? widths->width[i] : max;
    return max;
}

static inline int widths_sum(const struct widths *widths)
{
    int sum = 0;
    for (int i = 0; i < widths->count; i++)
        sum += widths->width[i];
    return sum;
}

#endif
