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

static void print_limits(const struct setting *setting, const char *from, const char *to, struct text *text)
{
    text_format(text, "%s %.16g %s %.16g", from, setting->min, to, setting->max);
}

void value_expected(enum setting_id id, struct text *text)
{
    const struct setting *setting = &settings[id];
    switch (setting->type) {
    case SETTING_INTEGER:
        text_add(text, setting->power_of_two ? "a power of two " : "an integer ");
        print_limits(setting, "from", "to", text);
        break;
    case SETTING_REAL:
        print_limits(setting, "a number above", "and at most", text);
        break;
    case SETTING_CHOICE:
        settings_print_choices(id, ~0u, text);
        break;
    case SETTING_JOINED:
        settings_print_choices(id, ~setting->joins, text);
        text_add(text, ", or one or several of ");
        settings_print_choices(id, setting->joins, text);
        text_add(text, " joined by +");
        break;
    case SETTING_WIDTHS:
        if (setting->range)
            text_add(text, "[min, max], two integers ");
        else
            text_format(text, "a list of %d to %d integers ", !setting->may_be_empty, setting->max_widths);
        print_limits(setting, "from", "to", text);
        break;
    case SETTING_REALS:
        text_format(text, "a list of up to %d numbers ", setting->max_widths);
        print_limits(setting, "above", "and at most", text);
        break;
    case SETTING_AMOUNT:
        print_limits(setting, "a number, or [min, max], from", "to", text);
        break;
    case SETTING_CHOICES:
        text_add(text, "a list of ");
        settings_print_choices(id, ~0u, text);
    }
}

// Records an error "KEY: <description of the node> <fault>; expected ...". Returns false.
static bool refuse(enum setting_id id, const struct node *node, struct diagnostics *diagnostics,
                   const char *fault)
{
    char words[64];
    struct text expected = {0};
    value_expected(id, &expected);
    diagnostics_add(diagnostics, node->location, settings_name(id), "%s %s; expected %s",
                    document_words(node, words), fault, expected.chars);
    text_free(&expected);
    return false;
}

static bool parse_integer(enum setting_id id, const struct node *node, struct diagnostics *diagnostics,
                          double *element)
{
    const struct setting *setting = &settings[id];
    int64_t integer;
    if (node->type != NODE_SCALAR || node->quoted || !number_integer(node->scalar, &integer))
        return refuse(id, node, diagnostics, "is not an integer");
    if (integer > (int64_t)setting->max)
        return refuse(id, node, diagnostics, "is too large");
    if (integer < (int64_t)setting->min)
        return refuse(id, node, diagnostics, "is too small");
    if (setting->power_of_two && (integer <= 0 || (integer & (integer - 1)) != 0))
        return refuse(id, node, diagnostics, "is not a power of two");
    *element = (double)integer;
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
                         double *element)
{
    const char *const *choices = settings[id].choices;
    if (node->type != NODE_SCALAR || node->scalar[0] == '\0')
        return refuse(id, node, diagnostics, "is not a name");
    struct nearest nearest = {.word = node->scalar};
    for (int i = 0; choices[i]; i++) {
        if (strcmp(choices[i], node->scalar) == 0) {
            *element = i;
            return true;
        }
        nearest_try(&nearest, choices[i]);
    }
    struct text expected = {0};
    value_expected(id, &expected);
    if (nearest.name[0])
        text_format(&expected, "; did you mean `%s`?", nearest.name);
    diagnostics_add(diagnostics, node->location, settings_name(id), "unknown value `%s`; expected %s",
                    node->scalar, expected.chars);
    text_free(&expected);
    return false;
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

// Parses a scalar, or one item of a list.
static bool parse_element(enum setting_id id, const struct node *node, struct diagnostics *diagnostics,
                          double *element)
{
    switch (settings[id].type) {
    case SETTING_INTEGER:
    case SETTING_WIDTHS:
        return parse_integer(id, node, diagnostics, element);
    case SETTING_REAL:
    case SETTING_REALS:
    case SETTING_AMOUNT:
        return parse_real(id, node, diagnostics, element);
    default:
        return parse_choice(id, node, diagnostics, element);
    }
}

static bool has_element(const struct value *value, double element)
{
    for (int i = 0; i < value->count; i++)
        if (value->element[i] == element)
            return true;
    return false;
}

// Parses each word between two + as a scalar of its own.
static bool parse_joined(enum setting_id id, const struct node *node, struct diagnostics *diagnostics,
                         struct value *value)
{
    if (node->type != NODE_SCALAR)
        return refuse(id, node, diagnostics, "is not a name");
    char *words = memory_text(node->scalar), *next = words;
    struct node word = *node;
    bool valid = true;
    for (value->count = 0; next && valid; value->count++) {
        double *element = &value->element[value->count];
        word.scalar = strsep(&next, "+");
        valid = parse_choice(id, &word, diagnostics, element);
        if (valid && has_element(value, *element))
            valid = refuse(id, node, diagnostics, "has a word twice");
    }
    free(words);
    return valid;
}

// Inserts a choice into the list in ascending order.
static void add_choice(struct value *value, double choice)
{
    int at = value->count;
    while (at > 0 && value->element[at - 1] > choice)
        at--;
    memmove(&value->element[at + 1], &value->element[at], (size_t)(value->count - at) * sizeof choice);
    value->element[at] = choice;
    value->count++;
}

bool value_parse(enum setting_id id, const struct node *node, struct diagnostics *diagnostics,
                 struct value *value)
{
    const struct setting *setting = &settings[id];
    *value = (struct value){.location = node->location, .count = 1};
    bool amount = setting->type == SETTING_AMOUNT && node->type == NODE_LIST;
    if (setting->type == SETTING_JOINED)
        return parse_joined(id, node, diagnostics, value);
    if (!settings_is_list(id) && !amount)
        return parse_element(id, node, diagnostics, &value->element[0]);
    value->count = 0;
    if (amount && node->count != 1 && node->count != 2)
        return refuse(id, node, diagnostics, "is not [min, max]");
    if (!check_list(id, node, diagnostics))
        return false;
    bool valid = true;
    for (int i = 0; i < node->count; i++) {
        double element = 0;
        valid = parse_element(id, &node->items[i], diagnostics, &element) && valid;
        if (setting->distinct && valid && has_element(value, element))
            valid = refuse(id, &node->items[i], diagnostics, "is in the list twice");
        if (setting->type == SETTING_CHOICES)
            add_choice(value, element);
        else
            value->element[value->count++] = element;
    }
    if ((setting->range || amount) && valid && value->count == 2 && value->element[0] > value->element[1])
        return refuse(id, node, diagnostics, "starts above its end");
    if (amount && value->count == 2 && value->element[0] == value->element[1])
        value->count = 1; // [x, x] is stored as x, so both have the same run id
    return valid;
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

static void print_elements(enum setting_id id, const struct value *value, const char *between,
                           struct text *text)
{
    const struct setting *setting = &settings[id];
    for (int i = 0; i < value->count; i++) {
        text_add(text, i > 0 ? between : "");
        if (setting->choices)
            text_add(text, setting->choices[(int)value->element[i]]);
        else if (setting->type == SETTING_INTEGER || setting->type == SETTING_WIDTHS)
            text_add_int(text, (int64_t)value->element[i]);
        else
            text_add_real(text, value->element[i], "nan");
    }
}

void value_print(enum setting_id id, const struct value *value, struct text *text)
{
    print_elements(id, value, settings[id].type == SETTING_JOINED ? "+" : ",", text);
}

void value_print_yaml(enum setting_id id, const struct value *value, struct text *text)
{
    bool list = settings_is_list(id) || (settings[id].type == SETTING_AMOUNT && value->count > 1);
    text_add(text, list ? "[" : "");
    print_elements(id, value, settings[id].type == SETTING_JOINED ? "+" : ", ", text);
    text_add(text, list ? "]" : "");
}

// ---- fields of struct run_spec: an integer or enum is int or int64_t, by its size ----

void value_store(enum setting_id id, const struct value *value, struct run_spec *run)
{
    const struct setting *setting = &settings[id];
    void *field = (char *)run + setting->offset;
    struct widths *widths = field;
    struct reals *reals = field;
    switch (setting->type) {
    case SETTING_INTEGER:
    case SETTING_CHOICE:
        if (setting->size == sizeof(int64_t))
            *(int64_t *)field = (int64_t)value->element[0];
        else
            *(int *)field = (int)value->element[0];
        break;
    case SETTING_REAL:
        *(double *)field = value->element[0];
        break;
    case SETTING_WIDTHS:
        *widths = (struct widths){.count = value->count};
        for (int i = 0; i < value->count; i++)
            widths->width[i] = (int)value->element[i];
        break;
    case SETTING_REALS:
    case SETTING_AMOUNT:
        *reals = (struct reals){.count = value->count};
        memcpy(reals->real, value->element, (size_t)value->count * sizeof *reals->real);
        break;
    case SETTING_JOINED:
        *(int *)field = 0;
        for (int i = 0; i < value->count; i++)
            *(int *)field = joined_add(*(int *)field, i, (int)value->element[i]);
        break;
    case SETTING_CHOICES:
        *(unsigned *)field = 0;
        for (int i = 0; i < value->count; i++)
            *(unsigned *)field |= 1u << (int)value->element[i];
    }
}

void value_load(enum setting_id id, const struct run_spec *run, struct value *value)
{
    const struct setting *setting = &settings[id];
    const void *field = (const char *)run + setting->offset;
    const struct widths *widths = field;
    const struct reals *reals = field;
    int choices[JOINED_MAX];
    *value = (struct value){.count = 1};
    switch (setting->type) {
    case SETTING_INTEGER:
    case SETTING_CHOICE:
        value->element[0] =
            setting->size == sizeof(int64_t) ? (double)*(const int64_t *)field : (double)*(const int *)field;
        break;
    case SETTING_REAL:
        value->element[0] = *(const double *)field;
        break;
    case SETTING_WIDTHS:
        value->count = widths->count;
        for (int i = 0; i < widths->count; i++)
            value->element[i] = widths->width[i];
        break;
    case SETTING_REALS:
    case SETTING_AMOUNT:
        value->count = reals->count;
        memcpy(value->element, reals->real, sizeof reals->real);
        break;
    case SETTING_JOINED:
        value->count = joined_list(*(const int *)field, choices);
        for (int i = 0; i < value->count; i++)
            value->element[i] = choices[i];
        break;
    case SETTING_CHOICES:
        value->count = 0;
        for (int i = 0; setting->choices[i]; i++)
            if (*(const unsigned *)field & 1u << i)
                value->element[value->count++] = i;
    }
}

int value_compare(const struct value *a, const struct value *b)
{
    for (int i = 0; i < a->count && i < b->count; i++)
        if (a->element[i] != b->element[i])
            return a->element[i] < b->element[i] ? -1 : 1;
    return a->count - b->count;
}
