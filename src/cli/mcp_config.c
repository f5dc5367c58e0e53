/* `pyro mcp config`: the snippet on stdout, for a file; what to do with it on stderr. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/home.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/mcp.h"
#include "mcp/client_config.h"
#include "mcp/paths.h"

static bool is_same_file(const char *path, const struct stat *other)
{
    struct stat status;
    return stat(path, &status) == 0 && status.st_dev == other->st_dev &&
           status.st_ino == other->st_ino;
}

/* Whether a shell would find this very program under the name. */
static bool is_in_path(const char *name, const struct stat *program)
{
    char path[PATH_MAX];
    const char *at = getenv("PATH");
    while (at && *at) {
        size_t length = strcspn(at, ":");
        snprintf(path, sizeof(path), "%.*s/%s", (int)length, at, name);
        if (length > 0 && access(path, X_OK) == 0)
            return *at == '/' && is_same_file(path, program);
        at += length + (at[length] == ':');
    }
    return false;
}

/* How the client is to name the program that runs. To be freed. */
static char *find_program(struct pyro_error *error)
{
    char path[PATH_MAX];
    struct stat status;
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    path[MAX(length, 0)] = '\0';
    if (length < 0 || stat("/proc/self/exe", &status) < 0 || !is_same_file(path, &status)) {
        pyro_error_set(error, PYRO_ERROR_SYSTEM, "cannot tell where this program is");
        pyro_error_hint(error, "was it replaced while it ran? run the command again");
        return NULL;
    }
    char *program = strdup(is_in_path("pyro", &status) ? "pyro" : path);
    if (!program)
        pyro_error_no_memory(error);
    return program;
}

/* The text can be written into each kind of file. */
static int check_text(const char *text, struct pyro_error *error)
{
    bool plain = pyro_text_valid(text, strlen(text)) == strlen(text);
    for (const char *at = text; *at && plain; at++)
        plain = (unsigned char)*at >= ' ' && *at != 0x7f;
    if (plain)
        return 0;
    pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER,
                   "'%.200s' cannot stand in a configuration file: it is not UTF-8, or has control "
                   "characters in it",
                   text);
    return pyro_error_hint(error, "give the directory another name, or a symlink to it");
}

/* Takes over `text`, NULL when out of memory. */
static int add_word(json_t *words, char *text, struct pyro_error *error)
{
    cleanup_free char *taken = text;
    if (!taken)
        return pyro_error_no_memory(error);
    if (check_text(taken, error) < 0)
        return -1;
    return json_array_append_new(words, json_string(taken)) < 0 ? pyro_error_no_memory(error) : 0;
}

/* Clients start the server where they like, so paths are made absolute here. What the server would
 * refuse is refused. */
static int add_paths(json_t *words, const json_t *paths, struct pyro_error *error)
{
    struct pyro_mcp_paths checked = {0};
    size_t index;
    const json_t *path;
    int r = json_array_size(paths) > 0 ? pyro_mcp_paths_init(&checked, paths, error) : 0;
    pyro_mcp_paths_finish(&checked);
    json_array_foreach((json_t *)paths, index, path)
    {
        if (r == 0)
            r = add_word(words, strdup("--allow-path"), error);
        if (r == 0)
            r = add_word(words, realpath(json_string_value(path), NULL), error);
    }
    return r;
}

static int find_words(const json_t *given, json_t *words, struct pyro_error *error)
{
    const char *tools = pyro_json_text(given, "tools", "all");
    char *program = find_program(error);
    if (!program || add_word(words, program, error) < 0 ||
        add_word(words, strdup("mcp"), error) < 0 || add_word(words, strdup("serve"), error) < 0)
        return -1;
    if (strcmp(tools, "all") != 0 && (add_word(words, strdup("--tools"), error) < 0 ||
                                      add_word(words, strdup(tools), error) < 0))
        return -1;
    if (pyro_json_boolean(given, "allow_host_compat", false) &&
        add_word(words, strdup("--allow-host-compat"), error) < 0)
        return -1;
    return add_paths(words, json_object_get(given, "allow_path"), error);
}

/* Clients pass on HOME and little else: a home of pyro's own that is elsewhere must be named. */
static int find_environment(json_t *environment, struct pyro_error *error)
{
    struct pyro_home home;
    const char *user = getenv("HOME");
    if (pyro_home_init(&home, NULL, NULL, error) < 0)
        return -1;
    cleanup_free char *usual = pyro_text_format("%s/.local/share/pyro", user ? user : "");
    int r = usual ? 0 : pyro_error_no_memory(error);
    if (r == 0 && user && strcmp(usual, home.path) != 0) {
        r = check_text(home.path, error);
        if (r == 0 && json_object_set_new(environment, "PYRO_HOME", json_string(home.path)) < 0)
            r = pyro_error_no_memory(error);
    }
    pyro_home_finish(&home);
    return r;
}

static void print_advice(const struct pyro_mcp_client *client)
{
    cli_print(stderr,
              "pyro: for %s. Where it goes: %s\n"
              "pyro: if that is there already, add what concerns pyro to %s\n"
              "pyro: then see that it works: %s\n",
              client->name, client->file, client->beside, client->check);
}

static int print(const struct cli *cli, const struct pyro_mcp_client *client,
                 const struct pyro_mcp_launch *launch, struct pyro_error *error)
{
    cleanup_free char *snippet = pyro_mcp_client_snippet(client, launch);
    if (!snippet)
        return pyro_error_no_memory(error);
    if (!cli->json) {
        fputs(snippet, stdout); /* all of it was checked */
        fflush(stdout);
        print_advice(client);
        return 0;
    }
    cleanup_json json_t *result = json_pack(
        "{s:s, s:s, s:s, s:O, s:O, s:s}", "client", client->name, "format", client->format, "file",
        client->file, "command", launch->command, "env", launch->environment, "snippet", snippet);
    if (!result)
        return pyro_error_no_memory(error);
    cli_print_json(result);
    return 0;
}

int cli_mcp_config(struct cli *cli, const json_t *given)
{
    struct pyro_error error = PYRO_ERROR_INIT;
    cleanup_json json_t *words = json_array(), *environment = json_object();
    const struct pyro_mcp_launch launch = {words, environment};
    const struct pyro_mcp_client *client =
        pyro_mcp_client_find(pyro_json_text(given, "client", ""));
    if (!client) /* the table offers no other */
        pyro_error_set(&error, PYRO_ERROR_INTERNAL, "there is no snippet for this client");
    else if (find_words(given, words, &error) == 0 && find_environment(environment, &error) == 0 &&
             print(cli, client, &launch, &error) == 0)
        return 0;
    return cli_fail(cli, "pyro mcp config", &error);
}
