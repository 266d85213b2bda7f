#include "sweep/document.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { MAX_DEPTH = 8 };

struct conversion {
    yaml_document_t *document;
    const char *set;
    struct diagnostics *diagnostics;
    bool *seen; // [nodes + 1], by libyaml's index: a node that is converted twice has an alias
    bool valid;
};

static struct source_location location_of(const struct conversion *conversion, const yaml_node_t *node)
{
    return (struct source_location){.line = (int)node->start_mark.line + 1, .set = conversion->set};
}

static bool plain_tag(const yaml_node_t *node)
{
    const char *tag = (const char *)node->tag;
    return strcmp(tag, YAML_DEFAULT_SCALAR_TAG) == 0 || strcmp(tag, YAML_DEFAULT_SEQUENCE_TAG) == 0 ||
           strcmp(tag, YAML_DEFAULT_MAPPING_TAG) == 0;
}

static void convert(struct conversion *conversion, int index, int depth, struct node *node);

static void convert_list(struct conversion *conversion, const yaml_node_t *yaml, int depth, struct node *node)
{
    const yaml_node_item_t *start = yaml->data.sequence.items.start, *top = yaml->data.sequence.items.top;
    node->items = memory_small((size_t)(top - start) * sizeof *node->items);
    for (const yaml_node_item_t *item = start; item < top; item++)
        convert(conversion, *item, depth + 1, &node->items[node->count++]);
}

static bool is_repeated(const struct node *mapping, const char *key, struct diagnostics *diagnostics,
                        struct source_location location)
{
    for (int i = 0; i < mapping->count; i++) {
        const struct node *item = &mapping->items[i];
        if (strcmp(item->key, key) != 0)
            continue;
        diagnostics_add(diagnostics, location, key, "the key is here a second time; line %d has it first",
                        item->location.line);
        return true;
    }
    return false;
}

static void refuse(struct conversion *conversion, struct source_location location, const char *message)
{
    diagnostics_add(conversion->diagnostics, location, NULL, "%s", message);
    conversion->valid = false;
}

// Refuses a scalar with a NUL byte ("\0" in double quotes), which would end the C string early.
static bool refuse_nul(struct conversion *conversion, const yaml_node_t *yaml,
                       struct source_location location)
{
    if (!memchr(yaml->data.scalar.value, '\0', yaml->data.scalar.length))
        return false;
    refuse(conversion, location, "a text with a NUL byte in it; expected text without NUL bytes");
    return true;
}

static void convert_mapping(struct conversion *conversion, const yaml_node_t *yaml, int depth,
                            struct node *node)
{
    const yaml_node_pair_t *start = yaml->data.mapping.pairs.start, *top = yaml->data.mapping.pairs.top;
    node->items = memory_small((size_t)(top - start) * sizeof *node->items);
    for (const yaml_node_pair_t *pair = start; pair < top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(conversion->document, pair->key);
        struct source_location location = location_of(conversion, key);
        if (key->type != YAML_SCALAR_NODE) {
            diagnostics_add(conversion->diagnostics, location, NULL,
                            "a key is a list or a mapping; expected a name");
            continue;
        }
        const char *name = (const char *)key->data.scalar.value;
        if (refuse_nul(conversion, key, location))
            continue;
        if (is_repeated(node, name, conversion->diagnostics, location))
            continue;
        struct node *item = &node->items[node->count++];
        item->key = memory_text(name);
        item->location = location;
        convert(conversion, pair->value, depth + 1, item);
    }
}

static void convert(struct conversion *conversion, int index, int depth, struct node *node)
{
    const yaml_node_t *yaml = yaml_document_get_node(conversion->document, index);
    if (!node->key)
        node->location = location_of(conversion, yaml);
    node->scalar = memory_text("");
    if (conversion->seen[index]) {
        refuse(conversion, node->location, "an alias; expected the value itself, written again");
        return;
    }
    conversion->seen[index] = true;
    if (!plain_tag(yaml))
        refuse(conversion, node->location, "a tag; expected a value without one");
    if (depth > MAX_DEPTH) {
        refuse(conversion, node->location, "lists or mappings too deep in each other; expected a sweep");
        return;
    }
    switch (yaml->type) {
    case YAML_SEQUENCE_NODE:
        node->type = NODE_LIST;
        convert_list(conversion, yaml, depth, node);
        break;
    case YAML_MAPPING_NODE:
        node->type = NODE_MAPPING;
        convert_mapping(conversion, yaml, depth, node);
        break;
    default:
        if (refuse_nul(conversion, yaml, node->location))
            return;
        free(node->scalar);
        node->scalar = memory_text((const char *)yaml->data.scalar.value);
        node->quoted = yaml->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    }
}

// libyaml reports the line of a syntax error, but only the byte offset of bytes that are not UTF-8.
static int line_of_problem(const yaml_parser_t *parser, const char *text)
{
    if (parser->error != YAML_READER_ERROR)
        return (int)parser->problem_mark.line + 1;
    int line = 1;
    for (size_t i = 0; i < parser->problem_offset && text[i]; i++)
        line += text[i] == '\n';
    return line;
}

static void add_syntax_error(const yaml_parser_t *parser, const char *text, const char *set,
                             struct diagnostics *diagnostics)
{
    struct source_location location = {.line = line_of_problem(parser, text), .set = set};
    const char *problem = parser->problem ? parser->problem : "unreadable";
    if (parser->error == YAML_READER_ERROR && strstr(problem, "UTF-8"))
        diagnostics_add(diagnostics, location, NULL,
                        "not valid YAML: a character that is not UTF-8; expected text in UTF-8 (from "
                        "Latin-1: iconv -f latin1 -t utf-8)");
    else if (parser->context)
        diagnostics_add(diagnostics, location, NULL, "not valid YAML: %s %s", problem, parser->context);
    else
        diagnostics_add(diagnostics, location, NULL, "not valid YAML: %s", problem);
}

static void refuse_second_document(yaml_parser_t *parser, const char *text, const char *set,
                                   struct diagnostics *diagnostics)
{
    yaml_document_t document;
    if (!yaml_parser_load(parser, &document)) {
        add_syntax_error(parser, text, set, diagnostics);
        return;
    }
    const yaml_node_t *root = yaml_document_get_root_node(&document);
    if (root) {
        struct source_location location = {.line = (int)root->start_mark.line + 1, .set = set};
        diagnostics_add(diagnostics, location, NULL,
                        "a second YAML document starts here; expected one sweep per file");
    }
    yaml_document_delete(&document);
}

bool document_read(const char *text, const char *set, struct diagnostics *diagnostics, struct node *root)
{
    *root = (struct node){.location = {.line = 1, .set = set}, .scalar = memory_text("")};
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        diagnostics_add(diagnostics, root->location, NULL, "no memory for the YAML parser");
        return false;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
    yaml_document_t document;
    bool valid = yaml_parser_load(&parser, &document);
    if (!valid) {
        add_syntax_error(&parser, text, set, diagnostics);
    } else {
        if (yaml_document_get_root_node(&document)) {
            size_t nodes = (size_t)(document.nodes.top - document.nodes.start);
            struct conversion conversion = {&document, set, diagnostics, memory_small(nodes + 1), true};
            document_free(root);
            convert(&conversion, 1, 0, root);
            free(conversion.seen);
            valid = conversion.valid;
            refuse_second_document(&parser, text, set, diagnostics);
        }
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return valid;
}

void document_free(struct node *root)
{
    for (int i = 0; i < root->count; i++)
        document_free(&root->items[i]);
    free(root->items);
    free(root->key);
    free(root->scalar);
    *root = (struct node){0};
}

const char *document_words(const struct node *node, char words[64])
{
    if (node->type == NODE_LIST)
        return "a list";
    if (node->type == NODE_MAPPING)
        return "a mapping";
    if (node->scalar[0] == '\0')
        return node->quoted ? "an empty text" : "an empty value";
    int length = (int)strlen(node->scalar), shown = 0;
    while (shown < 40 && (unsigned char)node->scalar[shown] >= ' ')
        shown++;
    const char *quote = node->quoted ? "\"" : "";
    snprintf(words, 64, "`%s%.*s%s%s`", quote, shown, node->scalar, shown < length ? "..." : "", quote);
    return words;
}
