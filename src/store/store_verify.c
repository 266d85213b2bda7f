// Every checksum and invariant of a results file. What a kill can leave passes; see checkpoint.h for what
// that is.
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "store/archive_bytes.h"
#include "store/checkpoint.h"
#include "store/checksum.h"
#include "store/file.h"
#include "store/file_layout.h"
#include "store/h5.h"
#include "store/view.h"

#include <errno.h>
#include <fcntl.h>
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
    return column_find(&verification->view->columns, LAYOUT_RUN_ID)->texts[run];
}

static int64_t checksum_in(const struct verification *verification, const char *column, int64_t run)
{
    return column_find(&verification->view->columns, column)->ints[run];
}

// A run's text as it lies in the file, with what is behind its end: the view's strings stop there.
static enum status read_chars(const struct verification *verification, const char *name, int64_t run,
                              char *chars, size_t length)
{
    enum status status = STATUS_OK;
    hid_t dataset = H5Dopen2(verification->view->file, name, H5P_DEFAULT);
    if (h5_read_part(dataset, H5T_C_S1, 2, (hsize_t[2]){(hsize_t)run, 0}, (hsize_t[2]){1, length}, chars) < 0)
        status = h5_read_failure(verification->view->path, name);
    h5_close(&dataset);
    return status;
}

static enum status check_row(struct verification *verification, int64_t run)
{
    const struct store_view *view = verification->view;
    const struct column *outcomes = &view->columns.columns[view->settings];
    uint64_t *bits = memory_small((size_t)view->outcomes * sizeof *bits);
    char message[STORE_MESSAGE_LENGTH], arithmetic[STORE_ARITHMETIC_LENGTH];
    enum status status = STATUS_OK;
    TRY_DONE(read_chars(verification, LAYOUT_MESSAGE, run, message, sizeof message));
    TRY_DONE(read_chars(verification, LAYOUT_ARITHMETIC, run, arithmetic, sizeof arithmetic));
    for (int i = 0; i < view->outcomes; i++)
        bits[i] = (uint64_t)outcomes[i].ints[run];
    verification->verified->checks++;
    if (checksum_in(verification, LAYOUT_ROW_CHECKSUM, run) !=
        checksum_row(run_id(verification, run), view->status[run], bits, view->outcomes, message, arithmetic))
        fault(verification, "run %s: its row does not match its checksum", run_id(verification, run));
done:
    free(bits);
    return status;
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

// Whether each point of the curves is as in the checkpoint, or not written yet.
static enum status curve_agrees(const struct verification *verification, const struct slots *slots, int slot,
                                const struct slot_header *header, bool *agrees)
{
    enum status status = STATUS_OK;
    const struct store_view *view = verification->view;
    size_t points = (size_t)header->points;
    *agrees = header->points <= view->points;
    if (points == 0 || !*agrees)
        return STATUS_OK;
    double *curve = memory_small(points * sizeof(struct store_point)), // [points, CURVES]
        *values = memory_small((size_t)view->points * sizeof *values);
    TRY_DONE(slot_curve(verification->fd, view->path, slots, slot, header, (struct store_point *)curve));
    for (int i = 0; i < CURVES; i++) {
        TRY_DONE(view_curve(view, slots->run, (enum curve)i, values));
        for (size_t point = 0; point < points; point++)
            *agrees &= isnan(values[point]) || values[point] == curve[point * CURVES + (size_t)i];
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
        TRY(check_row(verification, run));
        TRY(note(verification, check_content(verification, run, "curves do", view_check_curve)));
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
    TRY(archive_bytes_check(view->file, verification->fd, view->path, &intact, &verified->rewritten));
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
    if (view->archive && view->schema >= SCHEMA_IMMUTABLE)
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
