/* A short list of real numbers. */
#ifndef BASE_REALS_H
#define BASE_REALS_H

enum { REALS_MAX = 8 };

struct reals {
    int count;
    double real[REALS_MAX];
};

#endif
