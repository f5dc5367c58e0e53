/* The command line's words: flags, positionals, what follows --, and what is said when they are
 * wrong. */
#include "cli/parse.h"

#include "base/json.h"
#include "tap.h"

static const struct pyro_parameter parameters[] = {
    {.name = "environment", .type = PYRO_TYPE_STRING, .required = true, .positional = true},
    {.name = "vcpu_count", .type = PYRO_TYPE_INTEGER, .fallback = "1", .minimum = 1, .maximum = 64},
    {.name = "offset", .type = PYRO_TYPE_INTEGER},
    {.name = "ratio", .type = PYRO_TYPE_NUMBER},
    {.name = "network", .type = PYRO_TYPE_BOOLEAN, .fallback = "false"},
    {.name = "label", .type = PYRO_TYPE_STRING},
    {.name = "tag", .type = PYRO_TYPE_STRINGS},
    {.name = "command", .type = PYRO_TYPE_COMMAND, .required = true, .rest = true},
    {0},
};

static const struct pyro_operation operation = {
    .name = "test_run", .cli = "run", .parameters = parameters};

static const struct pyro_variant forms[] = {
    {"file", "path", "ready-file", "Ready when it is there"},
    {"tcp", "address", "ready-tcp", "Ready when somebody listens"},
    {"command", "command", "ready-command", "Ready when it succeeds"},
    {0},
};

static const struct pyro_parameter service_parameters[] = {
    {.name = "ready", .type = PYRO_TYPE_OBJECT, .variants = forms},
    {.name = "append_newline", .type = PYRO_TYPE_BOOLEAN, .fallback = "true"},
    {.name = "follow", .flag = "no-wait", .type = PYRO_TYPE_BOOLEAN, .fallback = "true"},
    {.name = "input", .type = PYRO_TYPE_BYTES},
    {0},
};

static const struct pyro_operation service = {
    .name = "test_service", .cli = "box service start", .parameters = service_parameters};

static const struct pyro_parameter probe_parameters[] = {
    {.name = "ready", .type = PYRO_TYPE_OBJECT, .required = true, .variants = forms}, {0}};

static const struct pyro_operation probe = {
    .name = "test_probe", .cli = "probe", .parameters = probe_parameters};

static const struct pyro_parameter plain_parameters[] = {
    {.name = "label", .type = PYRO_TYPE_STRING, .positional = true},
    {.name = "listen", .type = PYRO_TYPE_STRING, .bare = "here"},
    {0}};

static const struct pyro_operation plain = {
    .name = "test_plain", .cli = "plain", .parameters = plain_parameters};

static struct pyro_error error;
static struct cli_request request;

static int parse(const struct pyro_operation *of, char **words)
{
    size_t count = 0;
    while (words[count])
        count++;
    error = (struct pyro_error)PYRO_ERROR_INIT;
    return cli_parse(of, words, count, &request, &error);
}

#define WORDS(...) ((char *[]){__VA_ARGS__, NULL})

static void is_parsed(const struct pyro_operation *of, char **words, const char *wanted)
{
    if (parse(of, words) < 0) {
        ok(false, "%s: %s", wanted, error.message);
        return;
    }
    cleanup_free char *got = json_dumps(request.given, JSON_COMPACT | JSON_SORT_KEYS);
    is_text(got, wanted, wanted);
    json_decref(request.given);
}

static void is_refused(const struct pyro_operation *of, char **words, const char *message)
{
    int r = parse(of, words);
    ok(r < 0 && strstr(error.message, message) && error.code == PYRO_ERROR_INVALID_PARAMETER &&
           !request.given,
       "%s: %s", message, error.message);
}

static void test_good(void)
{
    is_parsed(&operation, WORDS("e", "--", "a"), "{\"command\":[\"a\"],\"environment\":\"e\"}");
    is_parsed(&operation, WORDS("--vcpu-count", "2", "e", "--network", "--", "a b", "--json", "--"),
              "{\"command\":[\"a b\",\"--json\",\"--\"],\"environment\":\"e\",\"network\":true,"
              "\"vcpu_count\":2}");
    ok(!request.json, "a flag behind -- belongs to the command");
    is_parsed(
        &operation,
        WORDS("e", "--offset", "-5", "--ratio=-1.5", "--label=--x", "--network=false", "--", ""),
        "{\"command\":[\"\"],\"environment\":\"e\",\"label\":\"--x\",\"network\":false,"
        "\"offset\":-5,\"ratio\":-1.5}");
    is_parsed(&operation, WORDS("--tag", "a", "e", "--tag=b", "--json", "--verbose", "--", "x"),
              "{\"command\":[\"x\"],\"environment\":\"e\",\"tag\":[\"a\",\"b\"]}");
    ok(request.json && request.verbose, "--json and --verbose");
    is_parsed(&operation, WORDS("e", "--label", "", "--", "x"),
              "{\"command\":[\"x\"],\"environment\":\"e\",\"label\":\"\"}");
    is_parsed(&plain, WORDS("-"), "{\"label\":\"-\"}");
    is_parsed(&plain, WORDS("x", "--"), "{\"label\":\"x\"}");
    is_parsed(&plain, WORDS("--listen"), "{\"listen\":\"here\"}");
    is_parsed(&plain, WORDS("--listen", "--json"), "{\"listen\":\"here\"}");
    is_parsed(&plain, WORDS("x", "--listen", "--"), "{\"label\":\"x\",\"listen\":\"here\"}");
    is_parsed(&plain, WORDS("--listen", "there", "x"), "{\"label\":\"x\",\"listen\":\"there\"}");
    is_parsed(&plain, WORDS("--listen=", "x"), "{\"label\":\"x\",\"listen\":\"\"}");
    is_int(parse(&operation, WORDS("--vcpu-count", "0", "--help")), 0, "--help wins");
    ok(request.help && !request.given, "and nothing is called");
}

static void test_refusals(void)
{
    is_refused(&operation, WORDS("e"), "the COMMAND after -- is missing");
    is_refused(&operation, WORDS("e", "--"), "the COMMAND after -- is missing");
    is_refused(&operation, WORDS("--", "x"), "ENVIRONMENT is missing");
    is_refused(&operation, WORDS("e", "git", "--version"), "put -- before the command: -- git");
    ok(!strstr(error.message, "--version"), "and nothing is said of its flags");
    is_refused(&operation, WORDS("e", "--vcpu-count", "--", "x"), "--vcpu-count needs a value");
    is_refused(&operation, WORDS("e", "--vcpu-count", "--json", "--", "x"), "needs a value");
    ok(request.json, "--json is seen even so");
    is_refused(&operation, WORDS("e", "--vcpu-count=", "--", "x"), "not ''");
    is_refused(&operation, WORDS("e", "--vcpu-count", "2x", "--", "x"), "not '2x'");
    is_refused(&operation, WORDS("e", "--vcpu-count", "0x2", "--", "x"), "not '0x2'");
    is_refused(&operation, WORDS("e", "--vcpu-count", " 2", "--", "x"), "not ' 2'");
    is_refused(&operation, WORDS("e", "--vcpu-count", "99999999999999999999", "--", "x"),
               "not '99999999999999999999'");
    is_refused(&operation, WORDS("e", "--ratio", "inf", "--", "x"), "--ratio must be a number");
    is_refused(&operation, WORDS("e", "--ratio", "1e999", "--", "x"), "--ratio must be a number");
    is_refused(&operation, WORDS("e", "--network=yes", "--", "x"), "--network must be true or");
    is_refused(&operation, WORDS("e", "--label", "\xff", "--", "x"), "--label must be valid UTF-8");
    is_refused(&operation, WORDS("e", "--label", "a", "--label", "b", "--", "x"), "given twice");
    is_refused(&operation, WORDS("e", "--vcpus", "3", "--", "x"), "did you mean --vcpu-count?");
    ok(!strstr(error.message, "3"), "its value is not taken for a command");
    is_refused(&operation, WORDS("e", "--jsno=1", "--", "x"), "no option --jsno (did you mean");
    is_refused(&operation, WORDS("e", "--vcpu_count=2", "--", "x"), "there is no option");
    is_refused(&operation, WORDS("e", "-x", "--", "x"), "there is no option -x");
    is_refused(&plain, WORDS("a", "b"), "a word too many: 'b'");
    is_refused(&plain, WORDS("a", "--", "b"), "a word too many: 'b'");
    is_refused(&operation, WORDS("--vcpu-count=0", "--offset=x", "--bad"),
               "ENVIRONMENT is missing");
    ok(strstr(error.message, "--vcpu-count must") && strstr(error.message, "--offset must") &&
           strstr(error.message, "--bad") && strstr(error.message, "COMMAND"),
       "all problems in one message");
    ok(strstr(error.hint, "pyro run --help") != NULL, "the hint names the help");
}

static void test_variants(void)
{
    is_parsed(&service, WORDS("--ready-file", "/a b"),
              "{\"ready\":{\"path\":\"/a b\",\"type\":\"file\"}}");
    is_parsed(&service, WORDS("--ready-command=test -e x=y"),
              "{\"ready\":{\"command\":\"test -e x=y\",\"type\":\"command\"}}");
    is_refused(&service, WORDS("--ready-tcp", "a", "--ready-file", "b"),
               "--ready-tcp and --ready-file exclude each other");
    is_text(error.field, "ready", "the field is the parameter");
    is_refused(&service, WORDS("--ready-tcp", "a", "--ready-tcp=a"), "--ready-tcp is given twice");
    is_refused(&service, WORDS("--ready-tcp"), "--ready-tcp needs a value");
    is_refused(&service, WORDS("--ready-tcp="), "--ready-tcp must be a string that is not empty");
    is_refused(&service, WORDS("--ready-file", "\xff"), "--ready-file must be valid UTF-8");
    is_refused(&service, WORDS("--ready", "{}"), "there is no option --ready");
    is_refused(&service, WORDS("--ready-fiel", "a"), "did you mean --ready-file");
    is_refused(&probe, WORDS("--json"), "--ready-file, --ready-tcp or --ready-command is missing");
}

static void test_switches(void)
{
    is_parsed(&service, WORDS("--no-append-newline"), "{\"append_newline\":false}");
    is_parsed(&service, WORDS("--no-wait"), "{\"follow\":false}");
    is_refused(&service, WORDS("--no-wait=false"), "--no-wait takes no value");
    is_refused(&service, WORDS("--no-append-newline=true"), "--no-append-newline takes no value");
    is_refused(&service, WORDS("--no-wait", "--no-wait"), "--no-wait is given twice");
    is_refused(&service, WORDS("--append-newline"), "did you mean --no-append-newline");
    is_refused(&operation, WORDS("e", "--no-network", "--", "x"), "there is no option");
}

/* Words are bytes: they reach the command as they were typed. */
static void test_bytes(void)
{
    is_int(parse(&operation, WORDS("e", "--", "\xff\xfe")), 0, "a word that is not UTF-8");
    const json_t *word = json_array_get(json_object_get(request.given, "command"), 0);
    is_text(json_string_value(word), "\xff\xfe", "is kept");
    json_decref(request.given);

    is_int(parse(&service, WORDS("--input", "\xff\n")), 0, "a parameter that is bytes");
    is_text(json_string_value(json_object_get(request.given, "input")), "\xff\n", "is kept too");
    json_decref(request.given);
    is_parsed(&service, WORDS("--input="), "{\"input\":\"\"}");
}

int main(void)
{
    test_good();
    test_refusals();
    test_variants();
    test_switches();
    test_bytes();
    return tap_done();
}
