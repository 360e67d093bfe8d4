/*
 * Run folders: whatever bytes log.jsonl, state.json and config.json are, there is an answer or an error with its reason;
 * a log read in two parts is what it is at once; a number's text is read as the same number.
 */
#define _POSIX_C_SOURCE 200809L /* mkdtemp */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tenon/runs.h>

#include "base/base.h"
#include "fuzz.h"

const int fuzz_rounds = 500;

static char folder[64];

static void clean_up(void)
{
    static const char *const names[] = {"lock", "log.jsonl", "state.json", "config.json"};
    char path[128];
    for (size_t i = 0; i < TN_COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static void write_file(const char *name, const char *mode, const uint8_t *bytes, size_t size)
{
    char path[128];
    if (!folder[0]) {
        strcpy(folder, "/tmp/tenon-fuzz-XXXXXX");
        if (!mkdtemp(folder) || atexit(clean_up) != 0)
            abort();
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *to = fopen(path, mode);
    if (!to || (size > 0 && fwrite(bytes, 1, size, to) != size) || fclose(to) != 0)
        abort();
}

static void must_say(tn_status status, const char *what)
{
    if (status != TN_OK && status != TN_ERR_FORMAT)
        abort();
    if (status != TN_OK && !strstr(tn_error(), what))
        abort();
}

static void look_at(const tn_fields *f)
{
    for (int64_t i = 0; i < tn_fields_count(f); i++) {
        const tn_field *one = tn_fields_at(f, i);
        if (one->kind == TN_FIELD_NUMBER && strtod(one->text, NULL) != one->number)
            abort();
        if (!tn_fields_find(f, one->name) || strlen(one->name) > 255)
            abort();
    }
}

static void read_log(const uint8_t *bytes, size_t size)
{
    tn_series *whole = NULL, *parts = NULL;
    write_file("log.jsonl", "wb", bytes, size / 3);
    if (tn_run_series(&parts, folder) != TN_OK)
        abort();
    write_file("log.jsonl", "ab", bytes + size / 3, size - size / 3);
    if (tn_series_update(parts, NULL) != TN_OK || tn_run_series(&whole, folder) != TN_OK)
        abort();
    const int64_t events = tn_series_num_events(whole), columns = tn_series_num_columns(whole);
    if (events != tn_series_num_events(parts) || columns != tn_series_num_columns(parts) ||
        tn_series_torn(whole) != tn_series_torn(parts))
        abort();
    for (int64_t i = 0; i < columns; i++) {
        tn_column a, b;
        if (!tn_series_column(whole, i, &a) || !tn_series_find(parts, a.kind, a.name, &b) ||
            a.count != b.count || memcmp(a.step, b.step, (size_t)a.count * sizeof *a.step) != 0)
            abort();
    }
    for (int64_t i = 0; i < events && i < 20; i++) {
        tn_fields *f = NULL;
        const tn_status status = tn_series_fields(whole, i, &f);
        must_say(status, "log.jsonl");
        look_at(f);
        tn_fields_close(f);
    }
    tn_series_close(whole);
    tn_series_close(parts);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    tn_run_info *info = NULL;
    tn_fields *config = NULL;
    write_file("lock", "wb", bytes, 0);
    write_file("state.json", "wb", bytes, size);
    write_file("config.json", "wb", bytes, size);
    read_log(bytes, size);
    if (tn_run_read(&info, folder) != TN_OK)
        abort();
    if (info->alive || (info->state < TN_RUN_IS_DONE && !info->elsewhere))
        abort();
    look_at(info->all);
    tn_run_info_close(info);
    must_say(tn_run_config_fields(&config, folder), "config.json");
    look_at(config);
    tn_fields_close(config);
    return 0;
}

void fuzz_seeds(void (*seed)(void *arg, const uint8_t *bytes, size_t size), void *arg)
{
    static const char *const texts[] = {
        "{\"v\":1,\"state\":\"running\",\"reason\":null,\"pid\":7,\"host\":\"box\",\"boot\":\"x\","
        "\"step\":30,\"steps\":100,"
        "\"epoch\":2,\"eta\":12.5,\"last\":{\"loss\":0.5,\"top1\":0.25},\"best\":{\"value\":1},"
        "\"updated\":1700000000.5}\n",
        "{\"e\":\"start\",\"t\":1,\"step\":0,\"v\":1,\"device\":\"cpu\"}\n"
        "{\"e\":\"step\",\"t\":2,\"step\":10,\"epoch\":1,\"loss\":2.5,\"rate\":0.100000001}\n"
        "{\"e\":\"epoch\",\"t\":3,\"step\":10,\"train\":{\"loss\":2},\"val\":null,\"per_class\":[0."
        "5,1]}\n"
        "{\"e\":\"resume\",\"t\":4,\"step\":5}\n{\"e\":\"step\",\"t\":5,\"step\":10,\"loss\":null}"
        "\n"
        "{\"e\":\"end\",\"t\":6,\"step\":10,\"state\":\"done\"}\n",
        "{\"a\":{\"b\":{\"c\":[[],{},{\"d\":[1e308,-0,5e-324]}]}},\"\xEF\x9F\xA9\":"
        "\"\\ud83d\\ude00\\u0000\"}",
    };
    for (size_t i = 0; i < TN_COUNT(texts); i++)
        seed(arg, (const uint8_t *)texts[i], strlen(texts[i]));
}
