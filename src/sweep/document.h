/* YAML text as a tree whose nodes know their lines: the only includer of libyaml's header.
 *
 * What a sweep file has no use for is a mistake with a sentence of its own: repeated keys, aliases, tags, a
 * second document, deep nesting. */
#ifndef SWEEP_DOCUMENT_H
#define SWEEP_DOCUMENT_H

#include "sweep/diagnostics.h"

#include <stdbool.h>

enum node_type { NODE_SCALAR, NODE_LIST, NODE_MAPPING };

struct node {
    enum node_type type;
    struct place place; // of its key where it has one
    char *key;          // in a mapping; else NULL
    char *scalar;
    bool quoted; // a quoted scalar is text, never a number
    int count;   // of a list or mapping
    struct node *items;
};

/* False, with a mistake recorded, if the text is no YAML. `set` is the KEY whose --set value the text is, or
 * NULL for a file. The caller frees the tree in both cases. */
bool document_read(const char *text, const char *set, struct diagnostics *diagnostics, struct node *root);

void document_free(struct node *root);

/* "a list", "a mapping", "nothing" or the scalar between backquotes, for messages: copied into `words`. */
const char *document_words(const struct node *node, char words[64]);

#endif
