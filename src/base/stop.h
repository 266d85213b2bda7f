/* The stop request of this process: set by a signal, the time limit or another rank, and polled by inner
 * loops.
 *
 * A request is never cleared. So the caller of a loop that ended early sees the request too, and drops the
 * incomplete result. */
#ifndef BASE_STOP_H
#define BASE_STOP_H

#include <stdbool.h>

/* Lets SIGTERM, SIGINT, SIGHUP (unless it is ignored, as by nohup) and SIGUSR1 request a stop instead of
 * ending the process. A timer requests a stop early enough to save everything within `time_left` seconds
 * (INFINITY: no limit). Ignores SIGPIPE. */
void stop_catch_signals(double time_left);

/* Record measured times in seconds: between two polls of stop_requested, and to save. The timer fires before
 * the limit by the max of each plus a margin, a fifth of time_left but at most 10 s. */
void stop_record_poll(double seconds);
void stop_record_save(double seconds);

/* Requests a stop. */
void stop_request(void);

/* Whether a stop was requested. Cheap enough to be called once per tile. */
bool stop_requested(void);

#endif
