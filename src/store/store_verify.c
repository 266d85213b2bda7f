// Every checksum and invariant of a results file. What a kill can leave passes; see checkpoint.h for what
// that is.
#include "base/memory.h"
#include "base/text.h"
#include "store/archive.h"
#include "store/checkpoint.h"
#include "store/file.h"
#include "store/file_layout.h"
#include "store/h5.h"
#include "store/view.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FAULTS_SHOWN = 20 };

struct verification {
    struct store_view *view;
    int fd;
    int64_t faults;
    struct text report;
    struct store_verified *verified;
};

__attribute__((format(printf, 2, 3))) static void fault(struct verification *verification, const char *format,
                                                        ...)
{
    if (verification->faults++ >= FAULTS_SHOWN)
        return;
    va_list args;
    va_start(args, format);
    char *line = NULL;
    if (vasprintf(&line, format, args) >= 0) {
        text_format(&verification->report, "\n  %s", line);
        free(line);
    }
    va_end(args);
}

// A failure to read is a fault of the file like any other; a failure of the machine ends the verification.
static enum status note(struct verification *verification, enum status status)
{
    status = h5_settle(status, verification->view->path);
    h5_begin();
    if (status != STATUS_RESULTS)
        return status;
    fault(verification, "%s", status_message());
    return STATUS_OK;
}

static const char *run_id(const struct verification *verification, int64_t run)
{
    return view_run_id(verification->view, run);
}

static enum status check_content(struct verification *verification, int64_t run, const char *what,
                                 enum status (*check)(const struct store_view *view, int64_t run,
                                                      bool *valid))
{
    bool valid;
    verification->verified->checks++;
    TRY(check(verification->view, run, &valid));
    if (!valid)
        fault(verification, "run %s: its %s not match %s checksum", run_id(verification, run), what,
              what[0] == 'c' ? "their" : "its");
    return STATUS_OK;
}

// Whether each point of the curves equals that of the checkpoint or is not written yet.
static enum status curve_agrees(const struct verification *verification, const struct slots *slots, int slot,
                                const struct slot_header *header, bool *agrees)
{
    enum status status = STATUS_OK;
    const struct store_view *view = verification->view;
    size_t points = (size_t)header->points, all_points = (size_t)view->points;
    bool valid;
    *agrees = header->points <= view->points;
    if (points == 0 || !*agrees)
        return STATUS_OK;
    double *curve = memory_small(points * sizeof(struct store_point)), // [points, CURVES]
        *values = memory_small(CURVES * all_points * sizeof *values);  // [CURVES, all_points]
    TRY_DONE(slot_curve(verification->fd, view->path, slots, slot, header, (struct store_point *)curve));
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

// What is wrong with the slots that have these headers; NULL if nothing is.
static enum status judge_slots(const struct verification *verification, const struct slots *slots,
                               const struct slot_header headers[2], const enum slot_state states[2],
                               int newest, const char **wrong)
{
    bool whole = true, agrees = true;
    *wrong = NULL;
    if (newest >= 0)
        TRY(slot_whole(verification->fd, verification->view->path, slots, newest, &headers[newest], &whole));
    if (newest >= 0 && whole)
        TRY(curve_agrees(verification, slots, newest, &headers[newest], &agrees));
    if (!whole)
        *wrong = "its newest checkpoint does not match its checksum";
    if (!agrees)
        *wrong = "its curves differ from those of its newest checkpoint";
    if (states[0] == SLOT_DAMAGED || states[1] == SLOT_DAMAGED)
        *wrong = "the header of a checkpoint slot is damaged";
    return STATUS_OK;
}

static enum status check_slots(struct verification *verification, int64_t run)
{
    const char *path = verification->view->path, *wrong;
    struct slots slots;
    struct slot_header headers[2], before[2] = {0};
    enum slot_state states[2];
    int newest;
    verification->verified->checks++;
    TRY(slots_locate(verification->view->file, path, run, run_id(verification, run), &slots));
    if (slots.offset < 0) {
        verification->verified->rewritten = true;
        return STATUS_OK;
    }
    TRY(slots_headers(verification->fd, path, &slots, headers, states, &newest));
    // A live writer may have gone on to this slot while it was read; then its headers are others by now.
    do {
        TRY(judge_slots(verification, &slots, headers, states, newest, &wrong));
        if (!wrong)
            return STATUS_OK;
        memcpy(before, headers, sizeof before);
        TRY(slots_headers(verification->fd, path, &slots, headers, states, &newest));
    } while (memcmp(before, headers, sizeof before) != 0);
    fault(verification, "run %s: %s", slots.run_id, wrong);
    return STATUS_OK;
}

static enum status check_run(struct verification *verification, int64_t run)
{
    if (verification->view->status[run] >= RUN_DONE) {
        verification->verified->checks++;
        if (!view_row_is_valid(verification->view, run))
            fault(verification, "run %s: its row does not match its checksum", run_id(verification, run));
        TRY(note(verification, check_content(verification, run, "curves do", view_check_curves)));
    } else if (!verification->view->archive && !verification->view->older) {
        TRY(note(verification, check_slots(verification, run)));
    }
    return verification->view->models
               ? note(verification, check_content(verification, run, "model does", view_check_model))
               : STATUS_OK;
}

static enum status verdict(const struct verification *verification)
{
    if (verification->faults == 0)
        return STATUS_OK;
    int64_t more = verification->faults - FAULTS_SHOWN;
    if (more > 0)
        FAIL(STATUS_RESULTS, "%s is damaged, %lld faults:%s\n  and %lld more", verification->view->path,
             (long long)verification->faults, verification->report.chars, (long long)more);
    FAIL(STATUS_RESULTS, "%s is damaged, %lld fault%s:%s", verification->view->path,
         (long long)verification->faults, verification->faults == 1 ? "" : "s", verification->report.chars);
}

// Additions by another program change bytes of the file beside their own.
static enum status check_bytes(struct verification *verification)
{
    const struct store_view *view = verification->view;
    struct store_verified *verified = verification->verified;
    bool intact;
    verified->checks++;
    TRY(archive_check_bytes(view->file, verification->fd, view->path, &intact, &verified->rewritten));
    if (verified->foreign.length > 0)
        verified->rewritten = !intact;
    if (!intact && !verified->rewritten)
        fault(verification, "its bytes do not match their checksum");
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
    TRY(view_open(path, &verification.view));
    h5_begin();
    TRY_DONE(file_open(path, &verification.fd));
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
    return view->archive ? STATUS_OK
                         : slots_locate(view->file, view->path, run, view_run_id(view, run), &slots);
}

enum status store_probe(const char *path, bool runs)
{
    struct store_view *view = NULL;
    TRY(view_open(path, &view));
    enum status status = STATUS_OK;
    h5_begin();
    for (int64_t run = 0; runs && status == STATUS_OK && run < view->runs; run++)
        status = probe_run(view, run);
    store_view_close(&view);
    return h5_settle(status, path);
}
