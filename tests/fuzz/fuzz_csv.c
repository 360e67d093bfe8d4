/*
 * Tables of numbers: whatever the text, there are rows of as many columns as are told, or the program ends with a sentence
 * that names the file.
 */
#define _XOPEN_SOURCE 700 /* mkdtemp */
#define FUZZ_FILES "t.csv"

/* clang-format off */
#include "fuzz_program.h"
#include "../../tools/common/text.c"
#include "../../examples/common/csv.c"
/* clang-format on */
const int fuzz_rounds = 3000;

/* Rows of the table as a loader would have them: good ones, or an error that says which is not. */
static void read_part(const csv *table, bool held_out)
{
    const csv_part part = {table, 3, held_out};
    const tn_source source = csv_source(&part);
    float x[MAX_COLUMNS], y;
    void *rows[] = {x, &y};
    for (int64_t i = 0; i < source.items; i++) {
        const tn_status status = source.fill(source.arg, &(tn_fill){.item = i, .row = rows});
        if (status != TN_OK && !*tn_error())
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static csv table;
    char name[128];
    write_file("t.csv", bytes, size);
    snprintf(name, sizeof name, "%s/t.csv", fuzz_folder);
    if (setjmp(program_end) == 0) {
        csv_open(&table, name);
        csv_normalize(&table, &(csv_part){&table, 3, false});
        read_part(&table, false);
        read_part(&table, true);
        csv_close(&table);
    } else if (strncmp(program_said, fuzz_folder, strlen(fuzz_folder)) != 0) {
        abort();
    }
    drop_held();
    return 0;
}

void fuzz_seeds(void (*seed)(void *arg, const uint8_t *bytes, size_t size), void *to)
{
    static const char *const tables[] = {
        "rooms,metres,price\n3,80.5,210\r\n2, 44 ,1e2\n\n-1,0,7\n4,nan,1\n",
        "1,2\n3,4\n5,6\n7,8,9\n10\n11,x\n12,13\n",
    };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        seed(to, (const uint8_t *)tables[i], strlen(tables[i]));
}
