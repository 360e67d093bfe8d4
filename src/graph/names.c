/*
 * names: values by their names. A table of ids, at most half full, each at the first free place from its name's hash on.
 */
#include <string.h>

#include "base/random.h"
#include "graph/graph.h"

/* Where the name is, or would be. */
static size_t place_of(const tn_graph *g, const char *name)
{
    const size_t mask = g->num_places - 1;
    size_t i = (size_t)tn_hash_text(name) & mask;
    while (g->place[i] && strcmp(g->value[g->place[i] - 1].name, name) != 0)
        i = (i + 1) & mask;
    return i;
}

static void put(tn_graph *g, int32_t id)
{
    g->place[place_of(g, g->value[id - 1].name)] = id;
}

int32_t tn_names_find(const tn_graph *g, const char *name)
{
    return g->num_places ? g->place[place_of(g, name)] : 0;
}

tn_status tn_names_add(tn_graph *g, int32_t id)
{
    if (2 * (size_t)id > g->num_places) {
        const size_t places = g->num_places ? 2 * g->num_places : 64;
        int32_t *place = tn_alloc(places, sizeof *place);
        if (!place)
            return tn_no_memory("graph", places * sizeof *place);
        tn_free(g->place);
        g->place = place;
        g->num_places = places;
        for (int32_t i = 1; i < id; i++)
            put(g, i);
    }
    put(g, id);
    return TN_OK;
}
