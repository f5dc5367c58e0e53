/* Checking parameters: every problem in one message, defaults, types, limits; and the table itself.
 */
#include <stdlib.h>

#include "base/json.h"
#include "operation/command.h"
#include "operation/problems.h"
#include "tap.h"

static const char *const colours[] = {"red", "green", NULL};

static const struct pyro_variant forms[] = {
    {"file", "path", "ready-file", "Ready when it is there"},
    {"tcp", "address", "ready-tcp", "Ready when somebody listens"},
    {0},
};

static const struct pyro_parameter parameters[] = {
    {.name = "environment", .type = PYRO_TYPE_STRING, .required = true, .positional = true},
    {.name = "vcpu_count", .type = PYRO_TYPE_INTEGER, .fallback = "1", .minimum = 1, .maximum = 64},
    {.name = "offset", .type = PYRO_TYPE_INTEGER},
    {.name = "ratio", .type = PYRO_TYPE_NUMBER},
    {.name = "network", .type = PYRO_TYPE_BOOLEAN, .fallback = "false"},
    {.name = "colour", .type = PYRO_TYPE_STRING, .choices = colours},
    {.name = "names", .type = PYRO_TYPE_STRINGS},
    {.name = "shape", .type = PYRO_TYPE_OBJECT},
    {.name = "shapes", .type = PYRO_TYPE_OBJECTS},
    {.name = "command", .type = PYRO_TYPE_COMMAND, .rest = true},
    {.name = "ready", .type = PYRO_TYPE_OBJECT, .variants = forms},
    {.name = "input", .type = PYRO_TYPE_BYTES},
    {0},
};

static const struct pyro_operation operation = {.name = "test_it", .parameters = parameters};

static struct pyro_error error;

/* The completed parameters as text, or NULL. */
static char *check(const char *given)
{
    cleanup_json json_t *value = json_loads(given, JSON_ALLOW_NUL, NULL), *complete = NULL;
    error = (struct pyro_error)PYRO_ERROR_INIT;
    if (!value)
        printf("# bad test: %s\n", given);
    if (pyro_parameters_check(&operation, value, &complete, &error) < 0)
        return NULL;
    return json_dumps(complete, JSON_COMPACT);
}

static void is_good(const char *given, const char *wanted)
{
    cleanup_free char *got = check(given);
    if (!is_text(got, wanted, given))
        printf("# %s\n", error.message);
}

static void is_refused(const char *given, const char *message)
{
    cleanup_free char *got = check(given);
    ok(!got && error.code == PYRO_ERROR_INVALID_PARAMETER && strstr(error.message, message),
       "%s: %s", given, error.message);
}

static void test_values(void)
{
    is_good("{\"environment\":\"a\"}",
            "{\"environment\":\"a\",\"vcpu_count\":1,\"network\":false}");
    is_good("{\"environment\":\"a\",\"vcpu_count\":2.0,\"colour\":null,\"network\":true}",
            "{\"environment\":\"a\",\"vcpu_count\":2,\"network\":true}");
    is_good("{\"environment\":\"ä\",\"offset\":-5,\"ratio\":3,\"colour\":\"red\",\"names\":[],"
            "\"shape\":{\"a\":1},\"shapes\":[{}],\"command\":[\"a\",\"\"]}",
            "{\"environment\":\"ä\",\"vcpu_count\":1,\"offset\":-5,\"ratio\":3,\"network\":false,"
            "\"colour\":\"red\",\"names\":[],\"shape\":{\"a\":1},\"shapes\":[{}],"
            "\"command\":[\"a\",\"\"]}");
}

static void test_refusals(void)
{
    is_refused("{}", "environment is missing");
    is_text(error.field, "environment", "names the field");
    is_refused("{\"environment\":null}", "environment must be a string, not null");
    is_refused("{\"environment\":7}", "environment must be a string, not 7");
    is_refused("{\"environment\":\"\"}", "environment must be a string that is not empty");
    is_refused("{\"environment\":\"a\\u0000b\"}", "NUL");
    is_refused("{\"environment\":\"a\",\"vcpu_count\":0}", "from 1 to 64, not 0");
    is_refused("{\"environment\":\"a\",\"vcpu_count\":65}", "from 1 to 64, not 65");
    is_refused("{\"environment\":\"a\",\"vcpu_count\":1.5}", "a whole number from 1 to 64");
    is_refused("{\"environment\":\"a\",\"vcpu_count\":1e300}", "a whole number from 1 to 64");
    is_refused("{\"environment\":\"a\",\"vcpu_count\":true}", "not true");
    is_refused("{\"environment\":\"a\",\"vcpu_count\":\"2\"}", "not '2'");
    is_refused("{\"environment\":\"a\",\"ratio\":\"x\"}", "ratio must be a number");
    is_refused("{\"environment\":\"a\",\"network\":1}", "network must be true or false, not 1");
    is_refused("{\"environment\":\"a\",\"colour\":\"blue\"}", "one of red, green, not 'blue'");
    is_refused("{\"environment\":\"a\",\"names\":\"b\"}", "names must be a list of strings");
    is_refused("{\"environment\":\"a\",\"names\":[\"b\",3]}", "see number 2");
    is_refused("{\"environment\":\"a\",\"shape\":[]}", "shape must be an object");
    is_refused("{\"environment\":\"a\",\"shapes\":[1]}", "shapes must be a list of objects");
    is_refused("{\"environment\":\"a\",\"command\":{}}", "command must be");
    is_refused("{\"environment\":\"a\",\"vcpu_cuont\":1}", "did you mean vcpu_count?");
    is_refused("{\"vcpu_count\":0,\"network\":\"x\",\"zzz\":1}", "there is no parameter 'zzz'");
    ok(strstr(error.message, "environment is missing") &&
           strstr(error.message, "vcpu_count must") && strstr(error.message, "network must"),
       "all problems in one message");
    is_refused("{\"environment\":\"a\\u001b[31m\",\"vcpu_count\":\"\\u001b[31m\"}", "not '?[31m'");
}

static void test_variants(void)
{
    is_good("{\"environment\":\"a\",\"ready\":{\"path\":\"ä\",\"type\":\"file\"}}",
            "{\"environment\":\"a\",\"vcpu_count\":1,\"network\":false,"
            "\"ready\":{\"type\":\"file\",\"path\":\"ä\"}}");
    is_good("{\"environment\":\"a\",\"ready\":null}",
            "{\"environment\":\"a\",\"vcpu_count\":1,\"network\":false}");
    static const char *const bad[][2] = {
        {"[]", "ready must be an object, not []"},
        {"{}", "ready.type is missing"},
        {"{\"type\":7,\"path\":\"a\"}", "ready.type must be a string, not 7"},
        {"{\"type\":\"files\"}", "ready.type must be one of file, tcp, not 'files'"},
        {"{\"type\":\"file\\u0000\"}", "ready.type must be a string without NUL"},
        {"{\"type\":\"file\"}", "ready.path is missing"},
        {"{\"type\":\"file\",\"path\":null}", "ready.path must be a string, not null"},
        {"{\"type\":\"file\",\"path\":\"\"}", "ready.path must be a string that is not empty"},
        {"{\"type\":\"file\",\"path\":\"a\\u0000\"}", "ready.path must be a string without NUL"},
        {"{\"type\":\"tcp\",\"path\":\"a\"}", "ready.address is missing"},
        {"{\"type\":\"tcp\",\"path\":\"a\"}", "no member 'path' in ready of type tcp"},
        {"{\"type\":\"tcp\",\"address\":\"a\",\"x\":1}", "no member 'x' in ready of type tcp"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        char given[256];
        snprintf(given, sizeof(given), "{\"environment\":\"a\",\"ready\":%s}", bad[i][0]);
        is_refused(given, bad[i][1]);
    }
    is_text(error.field, "ready", "the field is the object");
}

static void test_bytes(void)
{
    is_good("{\"environment\":\"a\",\"input\":\"\"}",
            "{\"environment\":\"a\",\"vcpu_count\":1,\"network\":false,\"input\":\"\"}");
    is_good("{\"environment\":\"a\",\"input\":\"a\\u0000b\"}",
            "{\"environment\":\"a\",\"vcpu_count\":1,\"network\":false,"
            "\"input\":\"a\\u0000b\"}");
    is_refused("{\"environment\":\"a\",\"input\":[]}", "input must be a string, not []");
    is_refused("{\"environment\":\"a\",\"names\":[\"a\\u0000\"]}", "without NUL characters");
    is_refused("{\"environment\":\"a\",\"command\":\"a\\u0000\"}", "without NUL characters");
    is_refused("{\"environment\":\"a\",\"command\":[\"a\\u0000\"]}", "without NUL characters");

    cleanup_json json_t *given = json_pack("{s:s}", "environment", "a"), *complete = NULL;
    json_object_set_new(given, "input", json_stringn_nocheck("\0\xff\n", 3));
    is_int(pyro_parameters_check(&operation, given, &complete, &error), 0, "any bytes");
    const json_t *input = json_object_get(complete, "input");
    ok(json_string_length(input) == 3 && memcmp(json_string_value(input), "\0\xff\n", 3) == 0,
       "are kept");
}

static void test_calls(void)
{
    static const struct pyro_operation own = {
        .name = "box_attach", .cli = "box attach", .parameters = parameters};
    struct pyro_context *context = NULL;
    json_t *result = NULL;
    char *text = NULL;
    is_int(pyro_open(NULL, &context, &error), 0, "a context");
    is_int(pyro_operation_call(context, &own, NULL, NULL, &result, &error), -1, "no handler");
    is_int(error.code, PYRO_ERROR_UNKNOWN_OPERATION, "is no operation of other fronts");
    is_text(error.message, "box_attach is only on the command line", "says why");
    is_text(error.hint, "run `pyro box attach` in a terminal", "and what to do");
    is_int(
        pyro_call(context, "env_inspect", "{\"environment\":\"a\\u0000b\"}", NULL, &text, &error),
        -1, "NUL in the JSON text");
    ok(strstr(error.message, "environment must be a string without NUL") != NULL, "%s",
       error.message);
    pyro_close(context);
}

static void test_many_problems(void)
{
    char given[2048] = "{";
    for (int i = 0; i < 30; i++)
        snprintf(given + strlen(given), sizeof(given) - strlen(given), "\"unknown_%d\":1,", i);
    strcat(given, "\"environment\":\"a\"}");
    is_refused(given, "and 22 more");
}

static void test_operations(void)
{
    struct pyro_error problem;
    char *text = NULL;
    is_int(pyro_parameters_validate("vm_create", "{\"environment\": \"debian:12\"}", &problem), 0,
           "parameters that would be taken");
    is_int(pyro_parameters_validate("vm_create", "{\"mem_mb\": 256}", &problem), -1,
           "and some that would not");
    is_text(
        problem.message,
        "vm_create: there is no parameter 'mem_mb' (did you mean mem_mib?); environment is missing",
        "with all that is wrong");
    is_int(pyro_operation_list(&text, &problem), 0, "the table as JSON");
    cleanup_json json_t *table = json_loads(text, 0, NULL);
    pyro_free(text);
    ok(json_array_size(json_object_get(table, "operations")) >= 14, "has all operations");
    for (const struct pyro_operation *const *at = pyro_operations; *at; at++) {
        const struct pyro_operation *each = *at;
        bool everywhere = each->handler || (each->cli && !each->mcp && !each->python);
        bool whole = each->title && each->summary && each->description && each->parameters &&
                     each->result && everywhere;
        for (const struct pyro_parameter *p = each->parameters; p->name; p++)
            whole = whole && p->help && (!p->required || !p->fallback) &&
                    (!pyro_parameter_is_on(p) || p->flag_help);
        for (const struct pyro_field *field = each->result; field->name; field++)
            whole = whole && field->help;
        ok(whole, "%s is described in full", each->name);
    }
    ok(pyro_operation_find("vm_run") && !pyro_operation_find("vm_"), "find");
}

static int command(const char *given, struct pyro_command *ret_command)
{
    cleanup_json json_t *value = json_loads(given, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    return pyro_command_init(ret_command, value, &error);
}

static void test_commands(void)
{
    struct pyro_command words;
    is_int(command("\"echo $HOME\"", &words), 0, "a string");
    is_text(words.arguments[1], "-lc", "runs under a login shell");
    is_text(words.arguments[2], "echo $HOME", "as one word");
    is_text(words.display, "echo $HOME", "and is shown as it is");
    pyro_command_finish(&words);

    is_int(command("[\"a b\",\"\",\"it's\"]", &words), 0, "a list");
    is_int(words.count, 3, "keeps its words");
    ok(words.arguments[3] == NULL, "ends with NULL");
    is_text(words.display, "'a b' '' 'it'\\''s'", "and is shown quoted");
    pyro_command_finish(&words);

    static const char *const bad[] = {
        "\"\"", "[]", "[1]", "{}", "null", "\"a\\u0000b\"", "[\"a\",\"b\\u0000\"]"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        is_int(command(bad[i], &words), -1, bad[i]);
    is_text(error.field, "command", "names the field");

    cleanup_json json_t *bytes = json_pack("[o]", json_stringn_nocheck("\xff", 1));
    is_int(pyro_command_init(&words, bytes, &error), 0, "bytes that are not UTF-8");
    is_text(words.arguments[0], "\xff", "reach the guest as they are");
    is_text(words.display, "'\xef\xbf\xbd'", "and are shown as U+FFFD");
    pyro_command_finish(&words);

    cleanup_free char *large = malloc(60 * 1024 + 1);
    memset(large, 'x', 60 * 1024);
    large[60 * 1024] = '\0';
    cleanup_json json_t *word = json_string(large), *list = json_array();
    is_int(pyro_command_init(&words, word, &error), -1, "too long a string");
    for (int i = 0; i < 5000; i++)
        json_array_append_new(list, json_string("x"));
    is_int(pyro_command_init(&words, list, &error), -1, "too many words");
}

int main(void)
{
    test_values();
    test_refusals();
    test_variants();
    test_bytes();
    test_calls();
    test_many_problems();
    test_operations();
    test_commands();
    return tap_done();
}
