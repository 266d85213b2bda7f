/* Elapsed time and date. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

/* Seconds of a monotonic clock since an arbitrary time: only differences are meaningful. */
double clock_seconds(void);

/* Writes the current date and time in UTC, as 2026-01-31T12:34:56Z. */
void clock_date(char date[32]);

#endif
