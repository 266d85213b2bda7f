#include "cli/options.h"

#include "base/memory.h"
#include "base/number.h"
#include "base/text.h"
#include "sweep/diagnostics.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HELP_WIDTH = 100, NAMES_WIDTH_MAX = 32 };

static const struct option no_options[] = {{0}};

static const struct option *options_of(const struct usage *usage)
{
    return usage->options ? usage->options : no_options;
}

// ---- targets ----

enum status option_flag(const struct option *option, const char *value, void *target)
{
    (void)option;
    (void)value;
    *(bool *)target = true;
    return STATUS_OK;
}

enum status option_text(const struct option *option, const char *value, void *target)
{
    (void)option;
    *(const char **)target = value;
    return STATUS_OK;
}

enum status option_texts(const struct option *option, const char *value, void *target)
{
    (void)option;
    struct option_texts *texts = target;
    texts->values = memory_grow(texts->values, ((size_t)texts->count + 1) * sizeof *texts->values);
    texts->values[texts->count++] = value;
    return STATUS_OK;
}

enum status option_seconds(const struct option *option, const char *value, void *target)
{
    double *seconds = target;
    if (!number_real(value, seconds) || !isfinite(*seconds) || *seconds <= 0)
        FAIL(STATUS_USAGE, "--%s %s: expected a number of seconds above 0", option->name, value);
    return STATUS_OK;
}

enum status option_choice(const struct option *option, const char *value, void *target)
{
    struct text expected = {0};
    enum status status = STATUS_OK;
    int index = 0;
    for (const char *choice = option->argument, *end; choice; choice = *end ? end + 1 : NULL, index++) {
        size_t length = strcspn(choice, "|");
        end = choice + length;
        if (strlen(value) == length && strncmp(choice, value, length) == 0) {
            *(int *)target = index;
            goto done;
        }
        text_format(&expected, "%s`%.*s`",
                    index == 0         ? ""
                    : strchr(end, '|') ? ", "
                                       : " or ",
                    (int)length, choice);
    }
    status = FAILED(STATUS_USAGE, "--%s %s: unknown %s; expected %s", option->name, value, option->name,
                    expected.chars);
done:
    text_free(&expected);
    return status;
}

// ---- --help ----

// Prints paragraphs, separated by newlines, in lines of at most HELP_WIDTH columns, each indented by `indent`
// blanks. The first word is printed at `column`.
static void print_wrapped(FILE *out, const char *text, int indent, int column)
{
    while (*text) {
        int length = (int)strcspn(text, " \n");
        if (column > indent && column + 1 + length > HELP_WIDTH) {
            fputc('\n', out);
            column = 0;
        } else if (column > indent) {
            fputc(' ', out);
            column++;
        }
        for (; column < indent; column++)
            fputc(' ', out);
        fprintf(out, "%.*s", length, text);
        column += length;
        text += length;
        if (*text == '\n') {
            fputc('\n', out);
            column = 0;
        }
        text += *text != '\0';
    }
    fputc('\n', out);
}

// Prints "  -o, --output FILE", padded to `width`, or on a separate line if it is longer. Returns the next
// column.
static int print_names(FILE *out, const struct option *option, int width)
{
    int columns = option->letter ? fprintf(out, "  -%c, ", option->letter) : fprintf(out, "      ");
    columns += fprintf(out, "--%s", option->name);
    if (option->argument)
        columns += fprintf(out, " %s", option->argument);
    if (columns > width - 2) {
        fputc('\n', out);
        return 0;
    }
    return columns + fprintf(out, "%*s", width - columns, "");
}

static int names_width(const struct option *option)
{
    enum { AROUND = sizeof "  -o, --" - 1 + 2 }; // two blanks before the help
    size_t width = AROUND + strlen(option->name) + (option->argument ? 1 + strlen(option->argument) : 0);
    return width < NAMES_WIDTH_MAX ? (int)width : NAMES_WIDTH_MAX;
}

static void print_help(const struct usage *usage, FILE *out)
{
    static const struct option help = {.name = "help", .help = "print this text", .letter = 'h'};
    int width = names_width(&help);
    for (const struct option *option = options_of(usage); option->name; option++)
        width = names_width(option) > width ? names_width(option) : width;
    fputs("usage: ", out);
    for (const char *line = usage->synopsis; *line;) {
        int length = (int)strcspn(line, "\n");
        fprintf(out, "%s%.*s\n", line == usage->synopsis ? "" : "       ", length, line);
        line += length + (line[length] == '\n');
    }
    fputc('\n', out);
    print_wrapped(out, usage->description, 0, 0);
    fputc('\n', out);
    for (const struct option *option = options_of(usage); option->name; option++)
        print_wrapped(out, option->help, width, print_names(out, option, width));
    print_wrapped(out, help.help, width, print_names(out, &help, width));
    if (usage->notes) {
        fputc('\n', out);
        print_wrapped(out, usage->notes, 0, 0);
    }
    fprintf(out, "\nexample: %s\n", usage->example);
    if (usage->print_more)
        usage->print_more(out);
}

// ---- parsing ----

/* The command line and the position in it. */
struct reader {
    const struct usage *usage;
    int argc, next; // next: index of the next argument
    char **argv;
    void *target;
};

static enum status unknown_option(const struct usage *usage, const char *name, size_t length)
{
    char *word = memory_format("%.*s", (int)length, name);
    struct nearest nearest = {.word = word};
    const struct option *begins = NULL; // the option that `word` abbreviates
    for (const struct option *option = options_of(usage); option->name; option++) {
        nearest_try(&nearest, option->name);
        if (length > 0 && strncmp(option->name, word, length) == 0)
            begins = option;
    }
    const char *meant = begins ? begins->name : nearest.name;
    enum status status =
        FAILED(STATUS_USAGE, "%s: unknown option --%s;%s%s%s see `weightsweep %s --help`", usage->name, word,
               *meant ? " did you mean --" : "", meant, *meant ? "?" : "", usage->name);
    free(word);
    return status;
}

// Whether a word looks like an option: not `-`, nor a negative number.
static bool is_option(const char *word)
{
    return word[0] == '-' && (word[1] == '-' || (isalpha((unsigned char)word[1]) && !word[2]));
}

static enum status store(struct reader *reader, const struct option *option, const char *value)
{
    const struct usage *usage = reader->usage;
    if (!option->argument && value)
        FAIL(STATUS_USAGE, "%s: --%s takes no value; see `weightsweep %s --help`", usage->name, option->name,
             usage->name);
    if (option->argument && !value && reader->next < reader->argc) {
        value = reader->argv[reader->next++];
        if (is_option(value))
            FAIL(STATUS_USAGE, "%s: --%s needs a value (%s) before %s; a value that begins so: --%s=%s",
                 usage->name, option->name, option->argument, value, option->name, value);
    }
    bool is_file = option->argument && strcmp(option->argument, "FILE") == 0;
    if (option->argument && (!value || (is_file && !*value))) // another empty value is named by its reader
        FAIL(STATUS_USAGE, "%s: --%s needs a value (%s); see `weightsweep %s --help`", usage->name,
             option->name, option->argument, usage->name);
    return option->parse(option, value, (char *)reader->target + option->target);
}

static enum status read_long(struct reader *reader, const char *word, bool *help)
{
    size_t length = strcspn(word, "=");
    const char *value = word[length] == '=' ? word + length + 1 : NULL;
    for (const struct option *option = options_of(reader->usage); option->name; option++)
        if (strlen(option->name) == length && strncmp(option->name, word, length) == 0)
            return store(reader, option, value);
    if (strcmp(word, "help") != 0)
        return unknown_option(reader->usage, word, length);
    *help = true;
    return STATUS_OK;
}

static enum status read_short(struct reader *reader, const char *word, bool *help)
{
    for (const struct option *option = options_of(reader->usage); option->name; option++)
        if (option->letter && option->letter == word[0])
            return store(reader, option, word[1] ? word + 1 : NULL);
    if (strcmp(word, "h") != 0)
        FAIL(STATUS_USAGE, "%s: unknown option -%s; see `weightsweep %s --help`", reader->usage->name, word,
             reader->usage->name);
    *help = true;
    return STATUS_OK;
}

static enum status check_files(const struct usage *usage, const struct option_texts *files)
{
    if (usage->file && files->count != 1 && !(usage->several && files->count > 1))
        FAIL(STATUS_USAGE, "%s: expected %s %s, got %d; see `weightsweep %s --help`", usage->name,
             usage->several ? "at least one" : "one", usage->file, files->count, usage->name);
    for (int i = 0; usage->file && i < files->count; i++)
        if (!*files->values[i])
            FAIL(STATUS_USAGE, "%s: the name of the %s is empty; see `weightsweep %s --help`", usage->name,
                 usage->file, usage->name);
    if (!usage->file && files->count > 0)
        FAIL(STATUS_USAGE, "%s: unexpected argument %s; see `weightsweep %s --help`", usage->name,
             files->values[0], usage->name);
    return STATUS_OK;
}

static void set_files(const struct usage *usage, struct option_texts *files, void *target)
{
    void *to = (char *)target + usage->file_target;
    if (usage->several) {
        *(struct option_texts *)to = *files;
        *files = (struct option_texts){0};
    } else if (usage->file) {
        *(const char **)to = files->values[0];
    }
}

enum status options_parse(const struct command *command, const struct usage *usage, int argc, char **argv,
                          void *target)
{
    struct reader reader = {.usage = usage, .argc = argc, .next = 1, .argv = argv, .target = target};
    struct option_texts files = {0};
    enum status status = STATUS_OK;
    bool options_ended = false, help = false;
    while (reader.next < argc && !help) {
        const char *word = argv[reader.next++];
        if (options_ended || word[0] != '-' || word[1] == '\0')
            option_texts(NULL, word, &files);
        else if (strcmp(word, "--") == 0)
            options_ended = true;
        else if (word[1] == '-')
            TRY_DONE(read_long(&reader, word + 2, &help));
        else
            TRY_DONE(read_short(&reader, word + 1, &help));
    }
    if (help) {
        if (command->rank == 0)
            print_help(usage, command->out);
        status = STATUS_HELP;
        goto done;
    }
    TRY_DONE(check_files(usage, &files));
    set_files(usage, &files, target);
done:
    free(files.values);
    return status;
}
