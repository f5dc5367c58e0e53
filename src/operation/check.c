/* Checking parameters against their description. Values come from a command line, a tool call or a
 * program: none of them is trusted, and every problem is told in the words its author used. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "operation/problems.h"

static const char *const type_names[] = {
    [PYRO_TYPE_STRING] = "a string",
    [PYRO_TYPE_INTEGER] = "a whole number",
    [PYRO_TYPE_NUMBER] = "a number",
    [PYRO_TYPE_BOOLEAN] = "true or false",
    [PYRO_TYPE_COMMAND] = "a string or a list of strings",
    [PYRO_TYPE_STRINGS] = "a list of strings",
    [PYRO_TYPE_OBJECT] = "an object",
    [PYRO_TYPE_OBJECTS] = "a list of objects",
    [PYRO_TYPE_BYTES] = "a string",
};

/* One parameter being checked, and where its problems go. */
struct subject {
    const struct pyro_parameter *parameter;
    const char *spelling;
    enum pyro_naming naming;
    struct pyro_problems *problems;
};

static bool has_nul(const json_t *value)
{
    return strlen(json_string_value(value)) != json_string_length(value);
}

/* The value as it may stand in a message: valid UTF-8, no control characters, not long. To be
 * freed. */
static char *show(const json_t *value)
{
    enum { LONGEST = 60 };
    bool is_plain = json_is_string(value) && !has_nul(value);
    cleanup_free char *text = is_plain ? strndup(json_string_value(value), LONGEST + 1)
                                       : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    if (!text)
        return NULL;
    bool cut = strlen(text) > LONGEST;
    char *shown = pyro_text_to_utf8(text, strnlen(text, LONGEST), NULL);
    for (char *at = shown; at && *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    }
    if (!shown || !is_plain)
        return shown;
    char *quoted = pyro_text_format("'%s%s'", shown, cut ? "…" : "");
    free(shown);
    return quoted;
}

static void refuse(const struct subject *subject, const char *wanted, const json_t *value)
{
    cleanup_free char *shown = show(value);
    pyro_problems_add(subject->problems, subject->parameter->name, "%s must be %s, not %s",
                      subject->spelling, wanted, shown ? shown : "this");
}

static bool has_limits(const struct pyro_parameter *parameter)
{
    return parameter->minimum != 0 || parameter->maximum != 0;
}

static void describe_number(const struct pyro_parameter *parameter, char *text, size_t size)
{
    const char *type = type_names[parameter->type];
    if (!has_limits(parameter))
        snprintf(text, size, "%s", type);
    else if (parameter->maximum == INT64_MAX)
        snprintf(text, size, "%s of at least %" PRId64, type, parameter->minimum);
    else
        snprintf(text, size, "%s from %" PRId64 " to %" PRId64, type, parameter->minimum,
                 parameter->maximum);
}

/* 2.0 is a whole number in JSON; 2.5, 1e300 and true are not. */
static bool is_whole(const json_t *value, int64_t *ret_number)
{
    if (json_is_integer(value)) {
        *ret_number = json_integer_value(value);
        return true;
    }
    double real = json_is_real(value) ? json_real_value(value) : 0.5;
    if (!(real > -9e15 && real < 9e15) || real != (double)(int64_t)real)
        return false;
    *ret_number = (int64_t)real;
    return true;
}

static json_t *check_integer(const struct subject *subject, const json_t *value)
{
    const struct pyro_parameter *parameter = subject->parameter;
    int64_t number = 0;
    if (is_whole(value, &number) &&
        (!has_limits(parameter) || (number >= parameter->minimum && number <= parameter->maximum)))
        return json_integer(number);
    char wanted[96];
    describe_number(parameter, wanted, sizeof(wanted));
    refuse(subject, wanted, value);
    return NULL;
}

static bool is_choice(const struct pyro_parameter *parameter, const char *text)
{
    for (const char *const *choice = parameter->choices; *choice; choice++) {
        if (strcmp(*choice, text) == 0)
            return true;
    }
    return false;
}

static void refuse_choice(const struct subject *subject, const json_t *value)
{
    char wanted[256] = "one of";
    for (const char *const *choice = subject->parameter->choices; *choice; choice++) {
        size_t used = strlen(wanted);
        snprintf(wanted + used, sizeof(wanted) - used, "%s %s", used > 6 ? "," : "", *choice);
    }
    refuse(subject, wanted, value);
}

static bool is_utf8(const json_t *value)
{
    size_t size = json_string_length(value), valid_size = 0;
    cleanup_free char *valid = pyro_text_to_utf8(json_string_value(value), size, &valid_size);
    return valid && valid_size == size && memcmp(valid, json_string_value(value), size) == 0;
}

static json_t *check_string(const struct subject *subject, const json_t *value)
{
    const struct pyro_parameter *parameter = subject->parameter;
    if (!json_is_string(value))
        refuse(subject, type_names[PYRO_TYPE_STRING], value);
    else if (has_nul(value))
        refuse(subject, "a string without NUL characters", value);
    else if (!is_utf8(value))
        refuse(subject, "valid UTF-8", value);
    else if (parameter->required && json_string_length(value) == 0)
        refuse(subject, "a string that is not empty", value);
    else if (parameter->choices && !is_choice(parameter, json_string_value(value)))
        refuse_choice(subject, value);
    else
        return json_copy((json_t *)value);
    return NULL;
}

/* Words of a command line may be any bytes but NUL, so there is no check for UTF-8 here. */
static json_t *check_strings(const struct subject *subject, const json_t *value)
{
    size_t index;
    const json_t *word;
    if (!json_is_array(value)) {
        refuse(subject, type_names[subject->parameter->type], value);
        return NULL;
    }
    json_array_foreach((json_t *)value, index, word)
    {
        if (!json_is_string(word) || has_nul(word)) {
            char wanted[96];
            snprintf(wanted, sizeof(wanted), "%s without NUL characters (see number %zu)",
                     type_names[subject->parameter->type], index + 1);
            refuse(subject, wanted, word);
            return NULL;
        }
    }
    if (subject->parameter->required && json_array_size(value) == 0) {
        pyro_problems_add(subject->problems, subject->parameter->name, "%s must not be empty",
                          subject->spelling);
        return NULL;
    }
    return json_copy((json_t *)value);
}

/* The text of an object's member, as strict as a parameter that is required; the field at fault is
 * the object. */
static json_t *check_member(const struct subject *object, const char *spelling,
                            const char *const *choices, const json_t *value)
{
    const struct pyro_parameter parameter = {.name = object->parameter->name,
                                             .type = PYRO_TYPE_STRING,
                                             .required = true,
                                             .choices = choices};
    const struct subject member = {&parameter, spelling, object->naming, object->problems};
    if (value)
        return check_string(&member, value);
    pyro_problems_add(object->problems, parameter.name, "%s is missing", spelling);
    return NULL;
}

/* The form of the object, or NULL and a problem. */
static const struct pyro_variant *check_type(const struct subject *object, const json_t *value)
{
    enum { MOST = 16 };
    const char *types[MOST + 1] = {NULL};
    for (size_t i = 0; i < MOST && object->parameter->variants[i].type; i++)
        types[i] = object->parameter->variants[i].type;
    cleanup_free char *spelling = pyro_text_format("%s.type", object->parameter->name);
    cleanup_json json_t *type =
        spelling ? check_member(object, spelling, types, json_object_get(value, "type")) : NULL;
    return type ? pyro_variant_find(object->parameter, json_string_value(type)) : NULL;
}

/* Whether there is nothing in the object but its type and that type's member. */
static bool check_rest(const struct subject *object, const struct pyro_variant *variant,
                       const json_t *value)
{
    size_t before = object->problems->count;
    const char *name;
    json_t *ignored;
    json_object_foreach((json_t *)value, name, ignored)
    {
        if (strcmp(name, "type") != 0 && strcmp(name, variant->member) != 0)
            pyro_problems_add(object->problems, object->parameter->name,
                              "there is no member '%.64s' in %s of type %s (it has only %s)", name,
                              object->parameter->name, variant->type, variant->member);
    }
    return object->problems->count == before;
}

/* On the command line a flag made the object, so that what can be wrong is the flag's value. */
static json_t *check_variant(const struct subject *subject, const json_t *value)
{
    if (!json_is_object(value)) {
        refuse(subject, type_names[PYRO_TYPE_OBJECT], value);
        return NULL;
    }
    const struct pyro_variant *variant = check_type(subject, value);
    if (!variant)
        return NULL;
    cleanup_free char *spelling =
        subject->naming == PYRO_NAMING_FLAGS
            ? pyro_text_format("--%s", variant->flag)
            : pyro_text_format("%s.%s", subject->parameter->name, variant->member);
    if (!spelling)
        return NULL;
    json_t *text = check_member(subject, spelling, NULL, json_object_get(value, variant->member));
    bool alone = check_rest(subject, variant, value);
    if (text && alone)
        return json_pack("{s:s, s:o}", "type", variant->type, variant->member, text);
    json_decref(text);
    return NULL;
}

static bool is_objects(const json_t *value)
{
    size_t index;
    const json_t *member;
    json_array_foreach((json_t *)value, index, member)
    {
        if (!json_is_object(member))
            return false;
    }
    return json_is_array(value);
}

/* A new value that is good, or NULL and a problem. */
static json_t *check_value(const struct subject *subject, const json_t *value)
{
    bool good = false;
    switch (subject->parameter->type) {
    case PYRO_TYPE_STRING:
        return check_string(subject, value);
    case PYRO_TYPE_INTEGER:
        return check_integer(subject, value);
    case PYRO_TYPE_COMMAND:
        return json_is_string(value) ? check_string(subject, value) : check_strings(subject, value);
    case PYRO_TYPE_STRINGS:
        return check_strings(subject, value);
    case PYRO_TYPE_BYTES:
        good = json_is_string(value);
        break;
    case PYRO_TYPE_NUMBER:
        good = json_is_number(value);
        break;
    case PYRO_TYPE_BOOLEAN:
        good = json_is_boolean(value);
        break;
    case PYRO_TYPE_OBJECT:
        if (subject->parameter->variants)
            return check_variant(subject, value);
        good = json_is_object(value);
        break;
    case PYRO_TYPE_OBJECTS:
        good = is_objects(value);
        break;
    }
    if (good)
        return json_deep_copy(value);
    refuse(subject, type_names[subject->parameter->type], value);
    return NULL;
}

static void add_unknown(const struct pyro_operation *operation, const char *name,
                        struct pyro_problems *problems)
{
    enum { MOST = 64 };
    const char *known[MOST + 1] = {NULL};
    for (size_t i = 0; i < MOST && operation->parameters[i].name; i++)
        known[i] = operation->parameters[i].name;
    cleanup_free char *nearest = pyro_text_nearest(name, known);
    bool near = nearest && *nearest;
    pyro_problems_add(problems, name, "there is no parameter '%.64s'%s%s%s", name,
                      near ? " (did you mean " : "", near ? nearest : "", near ? "?)" : "");
}

static bool is_known(const struct pyro_operation *operation, const char *name)
{
    for (const struct pyro_parameter *p = operation->parameters; p->name; p++) {
        if (strcmp(p->name, name) == 0)
            return true;
    }
    return false;
}

/* Puts one checked or default value into `complete`; false when memory ran out. */
static bool complete_one(const struct subject *subject, const json_t *value, json_t *complete)
{
    const struct pyro_parameter *parameter = subject->parameter;
    json_t *checked;
    if (value && !(json_is_null(value) && !parameter->required)) {
        size_t before = subject->problems->count;
        checked = check_value(subject, value);
        if (!checked)
            return subject->problems->count > before;
    } else if (parameter->required) {
        pyro_problems_add(subject->problems, parameter->name, "%s is missing", subject->spelling);
        return true;
    } else if (parameter->fallback) {
        checked = json_loads(parameter->fallback, JSON_DECODE_ANY, NULL);
    } else {
        return true;
    }
    return json_object_set_new_nocheck(complete, parameter->name, checked) == 0;
}

json_t *pyro_parameters_complete(const struct pyro_operation *operation, const json_t *given,
                                 enum pyro_naming naming, struct pyro_problems *problems)
{
    cleanup_json json_t *complete = json_object();
    bool good = complete != NULL;
    const char *name;
    json_t *ignored;
    json_object_foreach((json_t *)given, name, ignored)
    {
        if (!is_known(operation, name))
            add_unknown(operation, name, problems);
    }
    for (const struct pyro_parameter *p = operation->parameters; good && p->name; p++) {
        cleanup_free char *spelling = pyro_parameter_spelling(p, naming);
        const struct subject subject = {p, spelling, naming, problems};
        good = spelling && complete_one(&subject, json_object_get(given, p->name), complete);
    }
    return good ? steal_pointer(&complete) : NULL;
}

int pyro_parameters_check(const struct pyro_operation *operation, const json_t *given,
                          json_t **ret_complete, struct pyro_error *error)
{
    if (given && !json_is_object(given))
        return pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER,
                              "%s: the parameters must be an object", operation->name);
    struct pyro_problems problems = {0};
    cleanup_json json_t *complete =
        pyro_parameters_complete(operation, given, PYRO_NAMING_MEMBERS, &problems);
    int r = pyro_problems_report(&problems, operation->name, NULL, error);
    pyro_problems_finish(&problems);
    if (r < 0)
        return r;
    if (!complete)
        return pyro_error_no_memory(error);
    *ret_complete = steal_pointer(&complete);
    return 0;
}
