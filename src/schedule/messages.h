/* Messages between the master (rank 0), the leaders of groups and the workers. Structs are sent as bytes: all
 * ranks run the same program on the same kind of machine. */
#ifndef SCHEDULE_MESSAGES_H
#define SCHEDULE_MESSAGES_H

#include "base/status.h"
#include "schedule/schedule.h"

enum tag {
    // master -> worker
    TAG_ASSIGN = 1, // int[]: run, then the ranks of its group, the leader first
    TAG_EXTEND,     // to a leader; int[]: run, then the ranks of the extended group, the present ranks first
    TAG_STOP,       // empty: save and stop (worker -> master: this rank received a stop request)
    TAG_QUIT,       // int: the enum status that schedule_work returns
    // leader -> joining rank
    TAG_JOIN, // int[]: contents of TAG_EXTEND, sent between two steps of the group
    // leader -> master
    TAG_PROGRESS, // struct report
    TAG_POINT,    // struct report: a point of the curves
    TAG_EXTENDED, // struct report; `extended` is false if a joining rank had no memory
    TAG_FINISHED, // struct report
};

/* Progress or end of a run. Only TAG_FINISHED sends `scores` and the members after it: the other messages are
 * frequent. */
struct report {
    int64_t run;
    bool extended;      // TAG_EXTENDED
    enum status status; // TAG_FINISHED: not STATUS_OK if the results file could not be written
    enum train_end end; // TAG_FINISHED
    struct train_scalars scalars;
    int64_t point; // TAG_POINT: index of the curve point
    double scores[EXTRA_SCORES_MAX];
    char message[256];
};

#endif
