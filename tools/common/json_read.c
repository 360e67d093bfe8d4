#include "json_read.h"

#include <cjson/cJSON.h>
#include <stddef.h>
#include <string.h>

/* Bytes of names that are no UTF-8 stand as the characters U+F780 to U+F7FF, U+F700 + byte (json.c). */
static void unescape(char *text)
{
    char *to = text;
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        if (p[0] == 0xef && (p[1] & 0xfe) == 0x9e && (p[2] & 0xc0) == 0x80) {
            *to++ = (char)(0x80 | (p[1] & 1) << 6 | (p[2] & 0x3f));
            p += 3;
        } else {
            *to++ = (char)*p++;
        }
    }
    *to = '\0';
}

static void unescape_all(cJSON *value)
{
    for (; value; value = value->next) {
        if (value->string)
            unescape(value->string);
        if (value->valuestring)
            unescape(value->valuestring);
        unescape_all(value->child);
    }
}

json_value *json_parse(const char *text)
{
    cJSON *value = cJSON_ParseWithOpts(text, NULL, true);
    unescape_all(value);
    return value;
}

void json_free(json_value *value)
{
    cJSON_Delete(value);
}

const json_value *json_member(const json_value *value, const char *path)
{
    while (value) {
        const size_t length = strcspn(path, ".");
        const cJSON *member = cJSON_IsObject(value) ? value->child : NULL;
        while (member &&
               (strncmp(member->string, path, length) != 0 || member->string[length] != '\0'))
            member = member->next;
        value = member;
        if (path[length] == '\0')
            break;
        path += length + 1;
    }
    return value;
}

const json_value *json_first(const json_value *value)
{
    return value ? value->child : NULL;
}

const json_value *json_next(const json_value *value)
{
    return value->next;
}

const char *json_name(const json_value *value)
{
    return value->string;
}

const char *json_string(const json_value *value)
{
    return cJSON_IsString(value) ? value->valuestring : NULL;
}

bool json_number(const json_value *value, double *number)
{
    if (!cJSON_IsNumber(value))
        return false;
    *number = value->valuedouble;
    return true;
}

bool json_truth(const json_value *value, bool *is)
{
    *is = cJSON_IsTrue(value);
    return cJSON_IsBool(value);
}

bool json_is_null(const json_value *value)
{
    return cJSON_IsNull(value);
}
