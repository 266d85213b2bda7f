#include "sweep/value.h"

#include "base/joined.h"
#include "base/memory.h"
#include "base/number.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void print_number(struct text *text, double value)
{
    text_format(text, "%.16g", value);
}

static void print_range(const struct setting *setting, struct text *text)
{
    text_add(text, "from ");
    print_number(text, setting->min);
    text_add(text, " to ");
    print_number(text, setting->max);
}

void value_expected(enum setting_id id, struct text *text)
{
    const struct setting *setting = &settings[id];
    switch (setting->type) {
    case SETTING_INTEGER:
        text_add(text, setting->power_of_two ? "a power of two " : "an integer ");
        print_range(setting, text);
        break;
    case SETTING_REAL:
        text_add(text, "a number above ");
        print_number(text, setting->min);
        text_add(text, " and at most ");
        print_number(text, setting->max);
        break;
    case SETTING_CHOICE:
        settings_print_choices(id, ~0u, text);
        break;
    case SETTING_JOINED:
        settings_print_choices(id, ~0u, text);
        text_add(text, ", or several of these joined by +");
        break;
    case SETTING_WIDTHS:
        if (setting->range)
            text_add(text, "[min, max], two integers ");
        else
            text_format(text, "a list of %d to %d integers ", !setting->may_be_empty, setting->max_widths);
        print_range(setting, text);
        break;
    case SETTING_REALS:
        text_format(text, "a list of up to %d numbers above ", setting->max_widths);
        print_number(text, setting->min);
        text_add(text, " and at most ");
        print_number(text, setting->max);
        break;
    case SETTING_AMOUNT:
        text_add(text, "a number, or [min, max], ");
        print_range(setting, text);
        break;
    case SETTING_CHOICES:
        text_add(text, "a list of ");
        settings_print_choices(id, ~0u, text);
    }
}

// Records an error "KEY: <description of the node> <what>; expected ...". Returns false.
static bool refuse(enum setting_id id, const struct node *node, struct diagnostics *diagnostics,
                   const char *what)
{
    char name[64], words[64];
    struct text expected = {0};
    value_expected(id, &expected);
    diagnostics_add(diagnostics, node->location, settings_name(id, name), "%s %s; expected %s",
                    document_words(node, words), what, expected.chars);
    text_free(&expected);
    return false;
}

static bool is_power_of_two(int64_t integer)
{
    return integer > 0 && (integer & (integer - 1)) == 0;
}

static bool parse_integer(enum setting_id id, const struct node *node, struct diagnostics *diagnostics,
                          int64_t *integer)
{
    const struct setting *setting = &settings[id];
    if (node->type != NODE_SCALAR || node->quoted || !number_integer(node->scalar, integer))
        return refuse(id, node, diagnostics, "is not an integer");
    if (*integer > (int64_t)setting->max)
        return refuse(id, node, diagnostics, "is too large");
    if (*integer < (int64_t)setting->min)
        return refuse(id, node, diagnostics, "is too small");
    if (setting->power_of_two && !is_power_of_two(*integer))
        return refuse(id, node, diagnostics, "is not a power of two");
    return true;
}

static bool is_not_finite(const char *scalar)
{
    static const char *const words[] = {".nan", "nan", ".inf", "inf", "infinity"};
    scalar += strspn(scalar, "+-");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(scalar, words[i]) == 0)
            return true;
    return false;
}

static bool parse_real(enum setting_id id, const struct node *node, struct diagnostics *diagnostics,
                       double *real)
{
    const struct setting *setting = &settings[id];
    if (node->type == NODE_SCALAR && !node->quoted && is_not_finite(node->scalar))
        return refuse(id, node, diagnostics, "is not finite");
    if (node->type != NODE_SCALAR || node->quoted || !number_real(node->scalar, real))
        return refuse(id, node, diagnostics, "is not a number");
    if (*real > setting->max)
        return refuse(id, node, diagnostics, "is too large");
    if (*real < setting->min || (*real == setting->min && setting->type != SETTING_AMOUNT))
        return refuse(id, node, diagnostics, "is too small");
    return true;
}

static bool parse_choice(enum setting_id id, const struct node *node, struct diagnostics *diagnostics,
                         int64_t *integer)
{
    const char *const *choices = settings[id].choices;
    if (node->type != NODE_SCALAR || node->scalar[0] == '\0')
        return refuse(id, node, diagnostics, "is not a name");
    struct nearest nearest = {.word = node->scalar};
    for (int i = 0; choices[i]; i++) {
        if (strcmp(choices[i], node->scalar) == 0) {
            *integer = i;
            return true;
        }
        nearest_try(&nearest, choices[i]);
    }
    struct text expected = {0};
    value_expected(id, &expected);
    if (nearest.name[0])
        text_format(&expected, "; did you mean `%s`?", nearest.name);
    char name[64];
    diagnostics_add(diagnostics, node->location, settings_name(id, name), "unknown value `%s`; expected %s",
                    node->scalar, expected.chars);
    text_free(&expected);
    return false;
}

// Each word is parsed as a scalar of its own.
static bool parse_joined(enum setting_id id, const struct node *node, struct diagnostics *diagnostics,
                         int64_t *integer)
{
    if (node->type != NODE_SCALAR)
        return refuse(id, node, diagnostics, "is not a name");
    char *words = memory_text(node->scalar), *next = words;
    struct node word = *node;
    unsigned seen = 0;
    int code = 0;
    bool valid = true;
    for (int count = 0; next && valid; count++) {
        int64_t choice;
        word.scalar = strsep(&next, "+");
        valid = parse_choice(id, &word, diagnostics, &choice);
        if (valid && seen & 1u << choice)
            valid = refuse(id, node, diagnostics, "has a word twice");
        if (!valid)
            break;
        seen |= 1u << choice;
        code = joined_add(code, count, (int)choice);
    }
    *integer = code;
    free(words);
    return valid;
}

// True if the node is a list whose length is valid for the setting.
static bool check_list(enum setting_id id, const struct node *node, struct diagnostics *diagnostics)
{
    const struct setting *setting = &settings[id];
    if (node->type != NODE_LIST)
        return refuse(id, node, diagnostics, "is not a list");
    if (node->count == 0 && !setting->may_be_empty)
        return refuse(id, node, diagnostics, "is empty");
    if (setting->max_widths > 0 && node->count > setting->max_widths)
        return refuse(id, node, diagnostics, "is too long");
    if (setting->range && node->count == 1)
        return refuse(id, node, diagnostics, "is too short");
    return true;
}

static bool parse_widths(enum setting_id id, const struct node *node, struct diagnostics *diagnostics,
                         struct widths *widths)
{
    *widths = (struct widths){0};
    bool valid = check_list(id, node, diagnostics);
    if (!valid)
        return false;
    for (int i = 0; i < node->count; i++) {
        int64_t width = 0;
        valid = parse_integer(id, &node->items[i], diagnostics, &width) && valid;
        widths->width[i] = (int)width;
    }
    widths->count = node->count;
    if (settings[id].range && valid && widths->width[0] > widths->width[1])
        return refuse(id, node, diagnostics, "starts above its end");
    return valid;
}

static bool parse_reals(enum setting_id id, const struct node *node, struct diagnostics *diagnostics,
                        struct reals *reals)
{
    *reals = (struct reals){0};
    bool valid = check_list(id, node, diagnostics);
    if (!valid)
        return false;
    for (int i = 0; i < node->count; i++)
        valid = parse_real(id, &node->items[i], diagnostics, &reals->real[i]) && valid;
    reals->count = node->count;
    return valid;
}

static bool parse_amount(enum setting_id id, const struct node *node, struct diagnostics *diagnostics,
                         struct reals *reals)
{
    *reals = (struct reals){.count = 1};
    if (node->type != NODE_LIST)
        return parse_real(id, node, diagnostics, &reals->real[0]);
    if (node->count != 1 && node->count != 2)
        return refuse(id, node, diagnostics, "is not [min, max]");
    if (!parse_reals(id, node, diagnostics, reals))
        return false;
    if (reals->count == 2 && reals->real[0] > reals->real[1])
        return refuse(id, node, diagnostics, "starts above its end");
    return true;
}

static bool parse_choices(enum setting_id id, const struct node *node, struct diagnostics *diagnostics,
                          int64_t *bits)
{
    *bits = 0;
    bool valid = check_list(id, node, diagnostics);
    if (!valid)
        return false;
    for (int i = 0; i < node->count; i++) {
        int64_t choice;
        if (parse_choice(id, &node->items[i], diagnostics, &choice))
            *bits |= (int64_t)1 << choice;
        else
            valid = false;
    }
    return valid;
}

bool value_parse(enum setting_id id, const struct node *node, struct diagnostics *diagnostics,
                 struct value *value)
{
    *value = (struct value){.location = node->location};
    switch (settings[id].type) {
    case SETTING_INTEGER:
        return parse_integer(id, node, diagnostics, &value->integer);
    case SETTING_REAL:
        return parse_real(id, node, diagnostics, &value->real);
    case SETTING_CHOICE:
        return parse_choice(id, node, diagnostics, &value->integer);
    case SETTING_JOINED:
        return parse_joined(id, node, diagnostics, &value->integer);
    case SETTING_WIDTHS:
        return parse_widths(id, node, diagnostics, &value->widths);
    case SETTING_REALS:
        return parse_reals(id, node, diagnostics, &value->reals);
    case SETTING_AMOUNT:
        return parse_amount(id, node, diagnostics, &value->reals);
    case SETTING_CHOICES:
        return parse_choices(id, node, diagnostics, &value->integer);
    }
    return false;
}

bool value_default(enum setting_id id, struct value *value)
{
    *value = (struct value){0};
    const char *text = settings[id].default_text;
    if (!text)
        return false;
    struct diagnostics diagnostics = {0};
    struct node node;
    bool valid =
        document_read(text, NULL, &diagnostics, &node) && value_parse(id, &node, &diagnostics, value);
    assert(valid && diagnostics.count == 0);
    document_free(&node);
    value->location = (struct source_location){0};
    return valid;
}

static void print_widths(const struct widths *widths, const char *between, struct text *text)
{
    for (int i = 0; i < widths->count; i++) {
        text_add(text, i > 0 ? between : "");
        text_add_int(text, widths->width[i]);
    }
}

static void print_reals(const struct reals *reals, const char *between, struct text *text)
{
    for (int i = 0; i < reals->count; i++) {
        text_add(text, i > 0 ? between : "");
        text_add_real(text, reals->real[i], "nan");
    }
}

static void print_chosen(const char *const *choices, int64_t bits, const char *between, struct text *text)
{
    bool any = false;
    for (int i = 0; choices[i]; i++)
        if (bits & (int64_t)1 << i) {
            text_format(text, "%s%s", any ? between : "", choices[i]);
            any = true;
        }
}

static void print_list(enum setting_id id, const struct value *value, const char *between, struct text *text)
{
    if (settings[id].type == SETTING_WIDTHS)
        print_widths(&value->widths, between, text);
    else if (settings[id].type == SETTING_REALS || settings[id].type == SETTING_AMOUNT)
        print_reals(&value->reals, between, text);
    else
        print_chosen(settings[id].choices, value->integer, between, text);
}

void value_print(enum setting_id id, const struct value *value, struct text *text)
{
    const struct setting *setting = &settings[id];
    switch (setting->type) {
    case SETTING_INTEGER:
        text_add_int(text, value->integer);
        break;
    case SETTING_REAL:
        text_add_real(text, value->real, "nan");
        break;
    case SETTING_CHOICE:
        text_add(text, setting->choices[value->integer]);
        break;
    case SETTING_JOINED: {
        char word[SETTINGS_WORD];
        text_add(text, settings_joined(id, (int)value->integer, word));
        break;
    }
    case SETTING_WIDTHS:
    case SETTING_REALS:
    case SETTING_AMOUNT:
    case SETTING_CHOICES:
        print_list(id, value, ",", text);
    }
}

void value_print_yaml(enum setting_id id, const struct value *value, struct text *text)
{
    if (!settings_is_list(id) && !(settings[id].type == SETTING_AMOUNT && value->reals.count == 2)) {
        value_print(id, value, text);
        return;
    }
    text_add(text, "[");
    print_list(id, value, ", ", text);
    text_add(text, "]");
}

// True if the field is an int, where the value has an int64_t.
static bool is_int(const struct setting *setting)
{
    return setting->size == sizeof(int) && setting->type != SETTING_REAL;
}

void value_store(enum setting_id id, const struct value *value, struct run_spec *run)
{
    const struct setting *setting = &settings[id];
    const char *member = (const char *)value + offsetof(struct value, integer); // of the union
    int as_int = (int)value->integer;
    memcpy((char *)run + setting->offset, is_int(setting) ? (const char *)&as_int : member, setting->size);
}

void value_load(enum setting_id id, const struct run_spec *run, struct value *value)
{
    const struct setting *setting = &settings[id];
    const char *field = (const char *)run + setting->offset;
    int as_int;
    *value = (struct value){0};
    if (is_int(setting)) {
        memcpy(&as_int, field, sizeof as_int);
        value->integer = as_int;
    } else {
        memcpy((char *)value + offsetof(struct value, integer), field, setting->size);
    }
}

static int compare_widths(const struct widths *a, const struct widths *b)
{
    for (int i = 0; i < a->count && i < b->count; i++)
        if (a->width[i] != b->width[i])
            return a->width[i] < b->width[i] ? -1 : 1;
    return a->count - b->count;
}

static int compare_reals(const struct reals *a, const struct reals *b)
{
    for (int i = 0; i < a->count && i < b->count; i++)
        if (a->real[i] != b->real[i])
            return a->real[i] < b->real[i] ? -1 : 1;
    return a->count - b->count;
}

int value_compare(enum setting_id id, const struct value *a, const struct value *b)
{
    switch (settings[id].type) {
    case SETTING_REAL:
        return (a->real > b->real) - (a->real < b->real);
    case SETTING_WIDTHS:
        return compare_widths(&a->widths, &b->widths);
    case SETTING_REALS:
    case SETTING_AMOUNT:
        return compare_reals(&a->reals, &b->reals);
    default:
        return (a->integer > b->integer) - (a->integer < b->integer);
    }
}
