/* Commands and families found by their words, and the help that is made from the table. */
#include "cli/help.h"

#include "base/macros.h"
#include "cli/commands.h"
#include "tap.h"

static const struct pyro_variant ready[] = {
    {"file", "path", "ready-file", "Ready when this file is there"},
    {"tcp", "address", "ready-tcp", "Ready when somebody listens there"},
    {0},
};

static const struct pyro_parameter parameters[] = {
    {.name = "name", .type = PYRO_TYPE_STRING, .positional = true, .help = "Its name"},
    {.name = "readiness", .type = PYRO_TYPE_OBJECT, .variants = ready, .help = "A probe"},
    {.name = "append_newline",
     .type = PYRO_TYPE_BOOLEAN,
     .fallback = "true",
     .help = "End it with a newline",
     .flag_help = "Do not end it with a newline"},
    {.name = "input", .type = PYRO_TYPE_BYTES, .help = "What is typed"},
    {0},
};

static const struct pyro_operation make = {.name = "box_make", .cli = "box make"};
static const struct pyro_operation start = {
    .name = "start", .cli = "box service start", .description = "It.", .parameters = parameters};
static const struct pyro_operation stop = {.name = "stop", .cli = "box service stop"};
static const struct pyro_operation hidden = {.name = "hidden"};
static const struct pyro_operation run = {.name = "run", .cli = "run"};
static const struct pyro_operation show = {.name = "show", .cli = "show"};
static const struct pyro_operation show_all = {.name = "show_all", .cli = "show all"};
static const struct pyro_operation *const table[] = {&hidden, &make, &start,    &stop,
                                                     &run,    &show, &show_all, NULL};

#define WORDS(...) ((char *[]){__VA_ARGS__, NULL})

static size_t count_of(char **words)
{
    size_t count = 0;
    while (words[count])
        count++;
    return count;
}

static void is_found(char **words, const struct pyro_operation *wanted, size_t wanted_used)
{
    size_t used;
    const struct pyro_operation *got = cli_command_find(table, words, count_of(words), &used);
    ok(got == wanted && (!wanted || used == wanted_used), "%s is %s", words[0],
       wanted ? wanted->cli : "no command");
}

static void test_commands(void)
{
    is_found(WORDS("run", "x"), &run, 1);
    is_found(WORDS("show", "all", "x"), &show_all, 2);
    is_found(WORDS("show", "al"), &show, 1);
    is_found(WORDS("box", "service", "start"), &start, 3);
    is_found(WORDS("box", "service", "stop", "--json"), &stop, 3);
    is_found(WORDS("box", "service"), NULL, 0);
    is_found(WORDS("box service stop"), NULL, 0);
    is_found(WORDS("ru"), NULL, 0);
    is_found(WORDS("runs"), NULL, 0);
    is_found(WORDS("", "run"), NULL, 0);
}

static void is_family(char **words, size_t wanted)
{
    cleanup_free char *text = cli_words_join(words, count_of(words));
    is_int(cli_family_find(table, words, count_of(words)), wanted, text);
}

static void is_nearest(char **words, const char *wanted)
{
    cleanup_free char *nearest = cli_commands_nearest(table, words, count_of(words));
    is_text(nearest, wanted, *wanted ? wanted : "nothing is near");
}

static void test_families(void)
{
    is_family(WORDS("box"), 1);
    is_family(WORDS("box", "--help"), 1);
    is_family(WORDS("box", "make"), 1);
    is_family(WORDS("box", "service"), 2);
    is_family(WORDS("box", "service", "sart", "x"), 2);
    is_family(WORDS("box", "servce", "start"), 1);
    is_family(WORDS("run", "x"), 0);
    is_family(WORDS("service", "start"), 0);
    is_family(WORDS(""), 0);
    ok(cli_family_has("box", "box service stop") && cli_family_has("box service", stop.cli),
       "a command is of each family above it");
    ok(!cli_family_has("box service stop", stop.cli) && !cli_family_has("bo", stop.cli),
       "and of nothing else");
    is_nearest(WORDS("box", "service", "sart"), "box service start or box service stop");
    is_nearest(WORDS("box", "servce"), "box service, box service stop or box service start");
    is_nearest(WORDS("bxo"), "box");
    is_nearest(WORDS("nothing-like-it"), "");
}

/* What is printed, to be freed. */
static char *printed(const struct pyro_operation *operation, const char *family)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    if (operation)
        cli_help_operation(file, operation);
    else
        cli_help_overview(file, family);
    fclose(file);
    return text;
}

static void test_options(void)
{
    cleanup_free char *text = printed(&start, NULL);
    ok(strstr(text, "  --ready-file TEXT         Ready when this file is there\n") != NULL,
       "a variant");
    ok(strstr(text, "  --ready-tcp TEXT          Ready when somebody") != NULL,
       "each has its line");
    ok(!strstr(text, "A probe"), "the object has none");
    ok(strstr(text, "  --no-append-newline       Do not end it") != NULL,
       "what switches off, in its words");
    ok(strstr(text, "  --input TEXT              What is typed") != NULL, "bytes");
}

static void test_overview(void)
{
    cleanup_free char *all = printed(NULL, NULL), *workspace = printed(NULL, "workspace"),
                      *sync = printed(NULL, "workspace sync");
    ok(strstr(all, "\n  env list ") && strstr(all, "\n  workspace sync push "), "all commands");
    ok(strstr(workspace, "\n  workspace sync push ") && !strstr(workspace, "\n  env"),
       "a family has those of the families below it");
    ok(strstr(sync, "Usage: pyro workspace sync COMMAND") && strstr(sync, "workspace sync push") &&
           !strstr(sync, "workspace create"),
       "a family of two words");
}

int main(void)
{
    test_commands();
    test_families();
    test_options();
    test_overview();
    return tap_done();
}
