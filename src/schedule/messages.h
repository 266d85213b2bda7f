/* Everything that the master (rank 0) and the workers say to each other. Small structs, sent as bytes: all
 * ranks run the same program on the same kind of machine. */
#ifndef SCHEDULE_MESSAGES_H
#define SCHEDULE_MESSAGES_H

#include "base/status.h"
#include "schedule/schedule.h"

enum tag {
    // master -> worker
    TAG_ASSIGN = 1, // int[]: run, then the ranks of its group, the leader first
    TAG_GROW,       // to a leader; int[]: run, then the ranks of the larger group, the present ones first
    TAG_STOP,       // empty: save and come back (worker -> master: I was told to stop)
    TAG_QUIT,       // int: the status that the whole job ends with
    // leader -> newcomer
    TAG_JOIN, // int[]: as TAG_GROW, once the group is at a step's end
    // leader -> master
    TAG_PROGRESS, // struct report
    TAG_POINT,    // struct report: a point of the curves
    TAG_GROWN,    // struct report; `larger` says whether it worked
    TAG_FINISHED, // struct report
};

/* Where a run is, or how it ended. */
struct report {
    int64_t run;
    bool larger;
    enum status status; // not OK: the results file could not be written
    enum train_end end;
    struct train_scalars scalars;
    int64_t point;                   // with TAG_POINT
    double scores[EXTRA_SCORES_MAX]; // from here on with TAG_FINISHED alone: the other messages are frequent
    char message[256];
};

#endif
