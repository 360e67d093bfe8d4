/*
 * List files: whatever the text, there is a set whose labels are those of its classes, or an error
 * that names a line.
 */
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"
#include "fuzz.h"

const int fuzz_rounds = 20000;

static void check_set(const tn_dataset *set)
{
    if (set->num_items == 0 || set->num_classes == 0)
        abort();
    for (size_t i = 0; i < set->num_items; i++) {
        const tn_item *item = &set->item[i];
        if (item->label < 0 || (size_t)item->label >= set->num_classes || !item->path[0])
            abort();
    }
}

/* A label of 900000 makes as many classes: right, but nothing is learnt from doing it all the time. */
static bool has_large_number(const uint8_t *bytes, size_t size)
{
    size_t digits = 0;
    for (size_t i = 0; i < size && digits < 5; i++)
        digits = bytes[i] >= '0' && bytes[i] <= '9' ? digits + 1 : 0;
    return digits == 5;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (has_large_number(bytes, size))
        return 0;
    tn_dataset *set = tn_alloc(1, sizeof *set);
    if (!set)
        abort();
    const tn_status status = tn_list_parse(set, "folder/list", (const char *)bytes, size);
    if (status == TN_OK && tn_list_check(set, "folder/list:") == TN_OK)
        check_set(set);
    else if (strncmp(tn_error(), "folder/list:", 12) != 0)
        abort();
    tn_dataset_close(set);
    if (tn_alloc_live() != 0)
        abort();
    return 0;
}

void fuzz_seeds(void (*seed)(void *arg, const uint8_t *bytes, size_t size), void *arg)
{
    static const char *const lists[] = {
        "# numbers\nphotos/a tabby.jpg 28\n\n/abs/dog.png 0\r\nx.png 3\n",
        "a.jpg cat\nb c.jpg dog\n  # pets\nd.jpg\t cat \n",
        "filename,label\n0 a.jpg\n\"b c.jpg\" 1.0\nd.jpg, 2\n'e.jpg' 1\nx\\y.jpg 2\nC:/z.jpg 0 1\r",
        "b.jpg x\na.jpg y\nb.jpg y\n",
        "\357\273\277a.jpg 1\nb.jpg +2\n", /* the mark before UTF-8 */
        "a.jpg\ttabby cat\n\"b\\n\\\"\\303.jpg\" \"cat,dog\"\n\"c.jpg\"\tcat\n",
    };
    for (size_t i = 0; i < TN_COUNT(lists); i++)
        seed(arg, (const uint8_t *)lists[i], strlen(lists[i]));
}
