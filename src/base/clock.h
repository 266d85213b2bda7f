/* Time. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

/* Seconds of a clock that never jumps; only differences mean something. */
double clock_seconds(void);

/* Writes the time of day as 2026-01-31T12:34:56Z. */
void clock_date(char date[32]);

#endif
