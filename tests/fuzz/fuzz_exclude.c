/*
 * Exclude lists: whatever the text, a set is left whose items are among those that there were, as many fewer as it says,
 * or an error that names the list.
 */
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"
#include "fuzz.h"

const int fuzz_rounds = 6000;

static const char items[] = "a.jpg 0\n\"b\\nc.jpg\" 1\nsub/d.jpg 1\n/abs/e.jpg 2\na.jpg 0\n";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    tn_dataset *set = tn_alloc(1, sizeof *set);
    if (!set || tn_list_parse(set, "train/list", items, sizeof items - 1) != TN_OK)
        abort();
    set->root = "train/";
    const size_t before = set->num_items;
    const tn_status status =
        tn_exclude_parse(set, "train/list", "exclude.txt", (const char *)bytes, size);
    if (status != TN_OK && strncmp(tn_error(), "exclude.txt:", 12) != 0)
        abort();
    if (status == TN_OK && (set->num_items == 0 || set->num_items + set->excluded != before))
        abort();
    for (size_t i = 0; i < set->num_items; i++)
        if (!set->item[i].path[0] || set->item[i].label > 2)
            abort();
    for (size_t i = 0; i < set->num_notices; i++)
        if (strpbrk(set->notice[i], "\n\r\033"))
            abort();
    tn_dataset_close(set);
    if (tn_alloc_live() != 0)
        abort();
    return 0;
}

void fuzz_seeds(void (*seed)(void *arg, const uint8_t *bytes, size_t size), void *arg)
{
    static const char *const lists[] = {
        "# why\na.jpg\tthe file is empty\r\n\"b\\nc.jpg\"\tthe same as \"a\"\n",
        "train/sub/d.jpg\n./sub/d.jpg\n/abs/e.jpg\n/elsewhere/x.jpg\nval/a.jpg\n",
        "nothing.jpg\n\"\\303\\\\\\\"\\t.jpg\"\t\n train/a.jpg \t x\n\n",
        "a.jpg\n\"b\\012c.jpg\"\nsub/d.jpg\n/abs/e.jpg\n",
    };
    for (size_t i = 0; i < TN_COUNT(lists); i++)
        seed(arg, (const uint8_t *)lists[i], strlen(lists[i]));
}
