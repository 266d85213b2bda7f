// Checks every checksum and invariant of a results file. Files as a kill leaves them pass (see checkpoint.h).
#include "base/memory.h"
#include "base/text.h"
#include "store/checkpoint.h"
#include "store/file.h"
#include "store/file_layout.h"
#include "store/h5.h"
#include "store/view.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_FAULTS_SHOWN = 20 };

struct verification {
    struct store_view *view;
    int fd;
    int64_t faults;
    struct text report;
    struct store_verified *verified;
};

// Records STATUS_RESULTS as one more fault of the file. Other failures end the verification.
static enum status note(struct verification *verification, enum status status)
{
    status = h5_settle(status, verification->view->path);
    h5_begin();
    if (status != STATUS_RESULTS)
        return status;
    if (verification->faults++ < MAX_FAULTS_SHOWN)
        text_format(&verification->report, "\n  %s", status_message());
    return STATUS_OK;
}

// Whether each point of the curves equals that of the newest whole checkpoint or is not written yet.
static enum status curve_agrees(const struct verification *verification, const struct slots *slots,
                                const struct newest_slot *newest, bool *agrees)
{
    enum status status = STATUS_OK;
    const struct store_view *view = verification->view;
    size_t points = (size_t)newest->headers[newest->slot].points, all_points = (size_t)view->points;
    bool valid;
    *agrees = points <= all_points;
    if (points == 0 || !*agrees)
        return STATUS_OK;
    double *curve = memory_small(points * sizeof(struct store_point)), // [points, CURVES]
        *values = memory_small(CURVES * all_points * sizeof *values);  // [CURVES, all_points]
    TRY_DONE(slots_curve(verification->fd, view->path, slots, newest, (struct store_point *)curve));
    TRY_DONE(view_curves(view, slots->run, values, &valid));
    for (size_t i = 0; i < CURVES * points; i++) {
        double value = values[i % CURVES * all_points + i / CURVES];
        *agrees &= isnan(value) || value == curve[i];
    }
done:
    free(values);
    free(curve);
    return status;
}

// *fault_text describes the fault of these slots; NULL if there is none.
static enum status judge_slots(const struct verification *verification, const struct slots *slots,
                               const struct newest_slot *newest, const char **fault_text)
{
    bool agrees;
    *fault_text = NULL;
    for (int slot = 0; slot < 2; slot++)
        if (newest->states[slot] == SLOT_DAMAGED_HEADER)
            *fault_text = "the header of a checkpoint slot is damaged";
        else if (newest->states[slot] == SLOT_DAMAGED_PAYLOAD && !*fault_text)
            *fault_text = "its newest checkpoint does not match its checksum";
    if (*fault_text || newest->slot < 0)
        return STATUS_OK;
    TRY(curve_agrees(verification, slots, newest, &agrees));
    if (!agrees)
        *fault_text = "its curves differ from those of its newest checkpoint";
    return STATUS_OK;
}

static enum status check_slots(struct verification *verification, int64_t run)
{
    const struct store_view *view = verification->view;
    const char *fault_text;
    struct slots slots;
    struct newest_slot newest, before;
    TRY(slots_locate(view, run, &slots));
    if (slots.offset < 0) {
        verification->verified->rewritten = true;
        return STATUS_OK;
    }
    TRY(slots_newest_whole(verification->fd, view->path, &slots, &newest));
    do { // again if a live writer has changed the slots meanwhile: their headers differ then
        TRY(judge_slots(verification, &slots, &newest, &fault_text));
        if (!fault_text)
            return STATUS_OK;
        before = newest;
        TRY(slots_newest_whole(verification->fd, view->path, &slots, &newest));
    } while (memcmp(before.headers, newest.headers, sizeof before.headers) != 0);
    FAIL(STATUS_RESULTS, "run %s: %s", slots.run_id, fault_text);
}

static enum status check_run(struct verification *verification, int64_t run)
{
    const struct store_view *view = verification->view;
    bool finished = view->status[run] >= RUN_DONE, slots = !finished && !view->archive && !view->older;
    verification->verified->checks += 2 * finished + slots + view->models;
    if (finished) {
        TRY(note(verification, view_check_row(view, run)));
        TRY(note(verification, view_check_curves(view, run)));
    }
    if (slots)
        TRY(note(verification, check_slots(verification, run)));
    return view->models ? note(verification, view_check_model(view, run)) : STATUS_OK;
}

static enum status verdict(struct verification *verification)
{
    int64_t faults = verification->faults, more = faults - MAX_FAULTS_SHOWN;
    if (faults == 0)
        return STATUS_OK;
    if (more > 0)
        text_format(&verification->report, "\n  and %lld more", (long long)more);
    FAIL(STATUS_RESULTS, "%s is damaged, %lld fault%s:%s", verification->view->path, (long long)faults,
         text_plural(faults), verification->report.chars);
}

// Foreign additions also change bytes of this program, for example HDF5 metadata.
static enum status check_bytes(struct verification *verification)
{
    const struct store_view *view = verification->view;
    struct store_verified *verified = verification->verified;
    bool intact;
    verified->checks++;
    TRY(view_check_bytes(view, verification->fd, &intact, &verified->rewritten));
    if (verified->foreign.length > 0)
        verified->rewritten = !intact;
    if (!intact && !verified->rewritten)
        FAIL(STATUS_RESULTS, "its bytes do not match their checksum");
    return STATUS_OK;
}

static enum status check_all(struct verification *verification)
{
    const struct store_view *view = verification->view;
    verification->verified->checks++; // view_open has checked the immutable content
    for (int64_t run = 0; run < view->runs; run++)
        TRY(check_run(verification, run));
    TRY(view_foreign(view, &verification->verified->foreign));
    if (view->archive && !view->older)
        TRY(note(verification, check_bytes(verification)));
    return verdict(verification);
}

enum status store_verify(const char *path, struct store_verified *verified)
{
    enum status status = STATUS_OK;
    struct verification verification = {.fd = -1, .verified = verified};
    *verified = (struct store_verified){0};
    TRY(view_open(path, false, &verification.view));
    h5_begin();
    TRY_DONE(file_open(path, O_RDONLY, &verification.fd));
    TRY_DONE(check_all(&verification));
done:
    if (verification.fd >= 0)
        close(verification.fd);
    text_free(&verification.report);
    store_view_close(&verification.view);
    return h5_settle(status, path);
}

static enum status probe_run(const struct store_view *view, int64_t run)
{
    struct slots slots;
    struct store_parameters *parameters = NULL;
    if (view->models)
        TRY(view_parameters(view, run, false, &parameters));
    store_parameters_free(&parameters);
    return view->archive ? STATUS_OK : slots_locate(view, run, &slots);
}

enum status store_probe(const char *path, bool output, bool runs)
{
    struct store_view *view = NULL;
    TRY(view_open(path, output, &view));
    enum status status = STATUS_OK;
    h5_begin();
    for (int64_t run = 0; runs && status == STATUS_OK && run < view->runs; run++)
        status = probe_run(view, run);
    store_view_close(&view);
    return h5_settle(status, path);
}
