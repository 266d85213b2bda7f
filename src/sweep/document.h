/* Parses YAML text into a tree whose nodes have source locations. Only document.c includes libyaml's parser.
 *
 * YAML features that a sweep file does not use are errors: repeated keys, aliases, tags, a second document,
 * deep nesting. */
#ifndef SWEEP_DOCUMENT_H
#define SWEEP_DOCUMENT_H

#include "sweep/diagnostics.h"

#include <stdbool.h>

enum node_type { NODE_SCALAR, NODE_LIST, NODE_MAPPING };

struct node {
    enum node_type type;
    struct source_location location; // of the key in a mapping, else of the value
    char *key;                       // NULL outside a mapping
    char *scalar;                    // "" in a list or mapping
    bool quoted;                     // a quoted scalar is text, never a number
    int count;                       // items of a list or mapping
    struct node *items;              // [count]
};

/* Parses `text` into *root. `set` is the KEY of --set whose value is parsed, or NULL for a file. Returns
 * false, with an error recorded, if the text is not valid YAML. The caller frees *root in both cases. */
bool document_read(const char *text, const char *set, struct diagnostics *diagnostics, struct node *root);

void document_free(struct node *root);

/* Describes the node for messages: "a list", "a mapping", "an empty value" or the scalar between backquotes.
 * The result is a constant or points into `words`. */
const char *document_words(const struct node *node, char words[64]);

#endif
