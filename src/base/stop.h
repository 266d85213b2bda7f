/* The wish to stop: set by a signal, the time limit or another rank, looked for in the inner loops.
 *
 * Once set it stays set, so a loop that left early because of it is always recognised by its caller, who asks
 * again and drops the half-made result. */
#ifndef BASE_STOP_H
#define BASE_STOP_H

#include <stdbool.h>

/* From now on SIGTERM, SIGINT, SIGHUP (unless nohup ignores it) and SIGUSR1 set the wish instead of ending
 * the process, and so does the clock, early enough for everything to be saved when `time_left` seconds are
 * over (INFINITY: no limit). SIGPIPE is ignored. */
void stop_catch_signals(double time_left);

/* How early that is follows from what was measured: the longest time from one look at the wish to the next,
 * and the longest that saving took, in seconds. Beyond that a margin is left, of a fifth of the time, at most
 * 10 s. */
void stop_record_poll(double seconds);
void stop_record_save(double seconds);

/* Sets the wish without a signal. */
void stop_request(void);

/* Cheap enough for once a tile. */
bool stop_requested(void);

#endif
