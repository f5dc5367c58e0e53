#include "operation/problems.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

void pyro_problems_add(struct pyro_problems *problems, const char *field, const char *format, ...)
{
    if (problems->count == 0 && field)
        snprintf(problems->field, sizeof(problems->field), "%s", field);
    if (problems->count < PYRO_PROBLEMS_SHOWN) {
        char *text;
        va_list arguments;
        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
            text = NULL;
        va_end(arguments);
        problems->texts[problems->count] = text;
    }
    problems->count++;
}

int pyro_problems_report(const struct pyro_problems *problems, const char *asked, const char *hint,
                         struct pyro_error *error)
{
    if (problems->count == 0)
        return 0;
    char list[1400] = "";
    size_t used = 0;
    for (size_t i = 0; i < MIN(problems->count, (size_t)PYRO_PROBLEMS_SHOWN); i++) {
        const char *text = problems->texts[i] ? problems->texts[i] : "a wrong parameter";
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? "; " : "", text);
        used = MIN(used, sizeof(list) - 1);
    }
    if (problems->count > PYRO_PROBLEMS_SHOWN)
        snprintf(list + used, sizeof(list) - used, "; and %zu more",
                 problems->count - PYRO_PROBLEMS_SHOWN);
    pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER, "%.100s%s%s", asked ? asked : "",
                   asked ? ": " : "", list);
    pyro_error_field(error, problems->field);
    return hint ? pyro_error_hint(error, "%s", hint) : -1;
}

void pyro_problems_finish(struct pyro_problems *problems)
{
    for (size_t i = 0; i < PYRO_PROBLEMS_SHOWN; i++)
        free(problems->texts[i]);
    *problems = (struct pyro_problems){0};
}

bool pyro_parameter_is_on(const struct pyro_parameter *parameter)
{
    return parameter->type == PYRO_TYPE_BOOLEAN && parameter->fallback &&
           strcmp(parameter->fallback, "true") == 0;
}

const struct pyro_variant *pyro_variant_find(const struct pyro_parameter *parameter,
                                             const char *type)
{
    for (const struct pyro_variant *variant = parameter->variants; variant->type; variant++) {
        if (strcmp(variant->type, type) == 0)
            return variant;
    }
    return NULL;
}

static char *spell_word(const struct pyro_parameter *parameter)
{
    char *text = parameter->rest ? pyro_text_format("the %s after --", parameter->name)
                                 : strdup(parameter->name);
    char *name = text && parameter->rest ? text + strlen("the ") : text;
    for (size_t i = 0; name && parameter->name[i]; i++)
        name[i] = (char)toupper((unsigned char)name[i]);
    return text;
}

static char *spell_flag(const struct pyro_parameter *parameter)
{
    char *text = parameter->flag
                     ? pyro_text_format("--%s", parameter->flag)
                     : pyro_text_format("--%s%s", pyro_parameter_is_on(parameter) ? "no-" : "",
                                        parameter->name);
    for (char *at = text; at && *at; at++) {
        if (*at == '_')
            *at = '-';
    }
    return text;
}

static char *spell_variants(const struct pyro_variant *variants)
{
    char *text = strdup("");
    for (const struct pyro_variant *variant = variants; text && variant->type; variant++) {
        const char *joint = !*text ? "" : variant[1].type ? ", " : " or ";
        char *longer = pyro_text_format("%s%s--%s", text, joint, variant->flag);
        free(text);
        text = longer;
    }
    return text;
}

char *pyro_parameter_spelling(const struct pyro_parameter *parameter, enum pyro_naming naming)
{
    if (naming == PYRO_NAMING_MEMBERS)
        return strdup(parameter->name);
    if (parameter->positional || parameter->rest)
        return spell_word(parameter);
    return parameter->variants ? spell_variants(parameter->variants) : spell_flag(parameter);
}
