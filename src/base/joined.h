/* A list of one or more different choices as one integer. The code of a single choice is the choice itself.
 * The code of several choices has four bits per choice, the first choice lowest, each with the value choice
 * + 1. */
#ifndef BASE_JOINED_H
#define BASE_JOINED_H

enum { JOINED_MAX = 7, JOINED_CHOICES_MAX = 15 };

/* `code`, the list of the first `count` choices, with one more choice. */
static inline int joined_add(int code, int count, int choice)
{
    int digits = count == 1 ? code + 1 : code;
    return count == 0 ? choice : digits | (choice + 1) << 4 * count;
}

/* Lists the choices. Returns their number. */
static inline int joined_list(int code, int choices[JOINED_MAX])
{
    int count = 0;
    choices[0] = code;
    if (code < JOINED_CHOICES_MAX)
        return 1;
    for (; code > 0; code >>= 4)
        choices[count++] = (code & 15) - 1;
    return count;
}

/* One bit per choice of the list. */
static inline unsigned joined_bits(int code)
{
    int choices[JOINED_MAX], count = joined_list(code, choices);
    unsigned bits = 0;
    for (int i = 0; i < count; i++)
        bits |= 1u << choices[i];
    return bits;
}

#endif
