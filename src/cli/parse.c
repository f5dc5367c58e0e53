/* Flags are `--name value` or `--name=value`, in any order and also behind positionals; what
 * follows
 * `--` is taken word for word. Values that do not fit are passed on as text: the check of
 * parameters then says what was wanted instead. */
#include "cli/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/flags.h"
#include "operation/problems.h"

struct parser {
    const struct pyro_operation *operation;
    char *const *words;
    size_t count, next;
    size_t positional_count; /* how many were seen */
    bool lost;               /* after an unknown flag nobody knows which words are its value */
    bool no_separator;       /* a command seems to stand there without its -- */
    struct cli_request *request;
    struct pyro_problems problems;
};

static const struct pyro_parameter *find_positional(const struct pyro_operation *operation,
                                                    size_t index)
{
    for (const struct pyro_parameter *p = operation->parameters; p->name; p++) {
        if (p->positional && index-- == 0)
            return p;
    }
    return NULL;
}

static const struct pyro_parameter *find_rest(const struct pyro_operation *operation)
{
    for (const struct pyro_parameter *p = operation->parameters; p->name; p++) {
        if (p->rest)
            return p;
    }
    return NULL;
}

/* Any bytes but NUL can be a word, so it need not be UTF-8 here. */
static json_t *text_value(const char *word)
{
    return json_stringn_nocheck(word, strlen(word));
}

static json_t *integer_value(const char *word)
{
    char *end;
    errno = 0;
    long long number = strtoll(word, &end, 10);
    bool digits = isdigit((unsigned char)word[0]) ||
                  ((word[0] == '-' || word[0] == '+') && isdigit((unsigned char)word[1]));
    return digits && *end == '\0' && errno == 0 ? json_integer(number) : text_value(word);
}

static json_t *number_value(const char *word)
{
    char *end;
    double number = strtod(word, &end);
    bool plain = word[0] != '\0' && word[strspn(word, "0123456789+-.eE")] == '\0';
    json_t *value = plain && *end == '\0' ? json_real(number) : NULL; /* NULL for infinities too */
    return value ? value : text_value(word);
}

static json_t *boolean_value(const char *word)
{
    if (strcmp(word, "true") == 0)
        return json_true();
    return strcmp(word, "false") == 0 ? json_false() : text_value(word);
}

static json_t *convert(const struct pyro_parameter *parameter, const char *word)
{
    json_t *value;
    switch (parameter->type) {
    case PYRO_TYPE_INTEGER:
        return integer_value(word);
    case PYRO_TYPE_NUMBER:
        return number_value(word);
    case PYRO_TYPE_BOOLEAN:
        return boolean_value(word);
    case PYRO_TYPE_OBJECT:
    case PYRO_TYPE_OBJECTS:
        value = json_loads(word, JSON_REJECT_DUPLICATES, NULL);
        return value ? value : text_value(word);
    case PYRO_TYPE_STRING:
    case PYRO_TYPE_COMMAND:
    case PYRO_TYPE_STRINGS:
    case PYRO_TYPE_BYTES:
        break;
    }
    return text_value(word);
}

/* A flag may come once, one that takes a list as often as it likes. */
static void put(struct parser *parser, const struct pyro_parameter *parameter, const char *word)
{
    json_t *given = parser->request->given, *before = json_object_get(given, parameter->name);
    json_t *value = convert(parameter, word);
    if (parameter->type == PYRO_TYPE_STRINGS) {
        if (!before)
            json_object_set_new(given, parameter->name, before = json_array());
        json_array_append_new(before, value);
    } else if (before) {
        cleanup_free char *spelling = pyro_parameter_spelling(parameter, PYRO_NAMING_FLAGS);
        pyro_problems_add(&parser->problems, parameter->name, "%s is given twice", spelling);
        json_decref(value);
    } else {
        json_object_set_new(given, parameter->name, value);
    }
}

/* The whole of an object in one of its forms. */
static void put_variant(struct parser *parser, const struct cli_flag *flag, const char *word)
{
    const struct pyro_variant *variant = flag->variant;
    const char *name = flag->parameter->name;
    json_t *given = parser->request->given, *before = json_object_get(given, name);
    const char *type = json_string_value(json_object_get(before, "type"));
    if (!before)
        json_object_set_new(
            given, name,
            json_pack("{s:s, s:o}", "type", variant->type, variant->member, text_value(word)));
    else if (strcmp(type, variant->type) == 0)
        pyro_problems_add(&parser->problems, name, "--%s is given twice", variant->flag);
    else
        pyro_problems_add(&parser->problems, name, "--%s and --%s exclude each other",
                          pyro_variant_find(flag->parameter, type)->flag, variant->flag);
}

static void add_unknown_flag(struct parser *parser, const char *word, size_t length)
{
    cleanup_free char *flag = strndup(word, MIN(length, (size_t)64));
    cleanup_free char *nearest = cli_flags_nearest(parser->operation, flag ? flag : "");
    bool near = nearest && *nearest;
    pyro_problems_add(&parser->problems, NULL, "there is no option %s%s%s%s", flag ? flag : word,
                      near ? " (did you mean " : "", near ? nearest : "", near ? "?)" : "");
}

/* --json, --verbose and --help, which every command has. */
static bool take_common(struct parser *parser, const char *word)
{
    struct cli_request *request = parser->request;
    if (strcmp(word, "--json") == 0)
        request->json = true;
    else if (strcmp(word, "--verbose") == 0)
        request->verbose = true;
    else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        request->help = true;
    else
        return false;
    return true;
}

static void put_value(struct parser *parser, const struct cli_flag *flag, const char *value)
{
    if (flag->variant)
        put_variant(parser, flag, value);
    else
        put(parser, flag->parameter, value);
}

/* A boolean: there alone it means that it is not as it is by default. */
static void take_switch(struct parser *parser, const struct pyro_parameter *parameter,
                        const char *value)
{
    bool on = pyro_parameter_is_on(parameter);
    if (!on || !value) {
        put(parser, parameter, value ? value : on ? "false" : "true");
        return;
    }
    cleanup_free char *spelling = pyro_parameter_spelling(parameter, PYRO_NAMING_FLAGS);
    pyro_problems_add(&parser->problems, parameter->name,
                      "%s takes no value: it is given or left out", spelling);
}

static void take_flag(struct parser *parser, const char *word)
{
    const char *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) : strlen(word);
    struct cli_flag flag;
    bool more = parser->next < parser->count && strcmp(parser->words[parser->next], "--") != 0;
    if (!cli_flag_find(parser->operation, word, length, &flag)) {
        add_unknown_flag(parser, word, length);
        parser->lost = true;
    } else if (flag.parameter->type == PYRO_TYPE_BOOLEAN)
        take_switch(parser, flag.parameter, equals ? equals + 1 : NULL);
    else if (equals)
        put_value(parser, &flag, equals + 1);
    else if (more && strncmp(parser->words[parser->next], "--", 2) != 0)
        put_value(parser, &flag, parser->words[parser->next++]);
    else if (flag.parameter->bare)
        put_value(parser, &flag, flag.parameter->bare);
    else
        pyro_problems_add(&parser->problems, flag.parameter->name, "%s needs a value", word);
}

/* A word too many. Where a command is expected it is most likely that command without its `--`, so
 * nothing behind it is looked at. */
static void take_extra(struct parser *parser, const char *word)
{
    if (parser->lost)
        return;
    if (find_rest(parser->operation)) {
        parser->no_separator = true;
        pyro_problems_add(&parser->problems, NULL, "put -- before the command: -- %.100s%s", word,
                          parser->next < parser->count ? " …" : "");
        parser->next = parser->count;
    } else {
        pyro_problems_add(&parser->problems, NULL, "there is a word too many: '%.100s'", word);
    }
}

static void take_rest(struct parser *parser)
{
    const struct pyro_parameter *rest = find_rest(parser->operation);
    if (!rest && parser->next < parser->count) {
        take_extra(parser, parser->words[parser->next]);
    } else if (rest && parser->next < parser->count) {
        json_t *words = json_array();
        for (size_t i = parser->next; i < parser->count; i++)
            json_array_append_new(words, text_value(parser->words[i]));
        json_object_set_new(parser->request->given, rest->name, words);
    }
    parser->next = parser->count;
}

static void take_word(struct parser *parser, const char *word)
{
    const struct pyro_parameter *positional =
        find_positional(parser->operation, parser->positional_count);
    if (strcmp(word, "--") == 0)
        take_rest(parser);
    else if (take_common(parser, word))
        return;
    else if (word[0] == '-' && word[1] != '\0')
        take_flag(parser, word);
    else if (!positional)
        take_extra(parser, word);
    else {
        parser->positional_count++;
        put(parser, positional, word);
    }
}

/* What is wrong with the words, and with the values they stand for, in one message. */
static int report(struct parser *parser, struct pyro_error *error)
{
    const struct pyro_operation *operation = parser->operation;
    cleanup_free char *hint =
        pyro_text_format("`pyro %s --help` explains the command", operation->cli);
    cleanup_json json_t *complete = NULL;
    if (!parser->no_separator)
        complete = pyro_parameters_complete(operation, parser->request->given, PYRO_NAMING_FLAGS,
                                            &parser->problems);
    if (parser->problems.count == 0)
        return complete ? 0 : pyro_error_no_memory(error);
    return pyro_problems_report(&parser->problems, NULL, hint, error);
}

int cli_parse(const struct pyro_operation *operation, char *const *words, size_t count,
              struct cli_request *ret_request, struct pyro_error *error)
{
    *ret_request = (struct cli_request){.given = json_object()};
    struct parser parser = {operation, words, count, .request = ret_request};
    while (parser.next < count) {
        const char *word = words[parser.next++];
        take_word(&parser, word);
    }
    int r = ret_request->help ? 0 : report(&parser, error);
    pyro_problems_finish(&parser.problems);
    if (r < 0 || ret_request->help) {
        json_decref(ret_request->given);
        ret_request->given = NULL;
    }
    return r;
}
