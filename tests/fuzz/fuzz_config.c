/*
 * config.json of a run: whatever the text, it gives a recipe and a net, or the program ends with a sentence that names the
 * file. What would end the program comes back here: the linker hands it over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "train/job.h"

const int fuzz_rounds = 60000;

static jmp_buf program_end;
static char said[1024];

_Noreturn static void end_program(const char *format, va_list values)
{
    vsnprintf(said, sizeof said, format, values);
    longjmp(program_end, 1);
}

_Noreturn void __wrap_args_fail(const char *format, ...);
_Noreturn void __wrap_run_fail(const char *format, ...);

void __wrap_args_fail(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    end_program(format, values);
}

void __wrap_run_fail(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    end_program(format, values);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static job j;
    char *text = malloc(size + 1);
    if (!text)
        abort();
    memcpy(text, bytes, size);
    text[size] = '\0';
    j = (job){.from = "run"};
    if (setjmp(program_end) == 0) {
        job_take_config(&j, text);
        if (!j.s.text || !j.s.known_as || !j.s.r.device)
            abort();
    } else if (strncmp(said, "run/config.json", 15) != 0) {
        abort();
    }
    json_free(j.was);
    tn_model_close(j.s.text);
    free(text);
    return 0;
}

void fuzz_seeds(void (*seed)(void *arg, const uint8_t *bytes, size_t size), void *to)
{
    static const char *const configs[] = {
        "{\"program\": \"tenon-train\", \"recipe\": {\"val\": null, \"split\": 10, \"net\": \"x\", "
        "\"batch\": 4, \"rate\": 0.01, \"no-flip\": true, \"optim\": \"adam\"}, \"device\": "
        "\"cpu\", "
        "\"threads\": 0, \"keep\": 3, \"log_every\": 20, \"save_every\": 1, \"save_steps\": 0, "
        "\"data\": {\"path\": \"/set\"}, \"net\": {\"name\": \"tiny\", \"fit\": \"resize=16 "
        "order=rgb\", "
        "\"text\": \"tenon graph 1\\ninput image u8 N 8 8 3\\nx = image_input(image)\\nf = "
        "flatten(x)\\nfc = dense(f) units=3\\noutput fc\\n\"}}",
    };
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++)
        seed(to, (const uint8_t *)configs[i], strlen(configs[i]));
}
