/* The descriptions of `pyro mcp serve` and `pyro mcp config`. What they do is the command line's:
 * one needs stdin and stdout, or listens, the other speaks of the very program that runs. */
#include "operation/table.h"

static const char *const selections[] = {"all", "vm", "workspace", NULL};

static const char *const clients[] = {
    "claude-code", "claude-desktop", "cursor", "vscode", "codex", "zed", "goose", "opencode", NULL};

/* What a server is started with. */
#define SERVER_PARAMETERS                                                                          \
    {.name = "tools",                                                                              \
     .type = PYRO_TYPE_STRING,                                                                     \
     .fallback = "\"all\"",                                                                        \
     .choices = selections,                                                                        \
     .help = "Which tools to offer: those of one-shot VMs, those of workspaces, or all; for "      \
             "clients that take few tools"},                                                       \
        {.name = "allow_host_compat",                                                              \
         .type = PYRO_TYPE_BOOLEAN,                                                                \
         .fallback = "false",                                                                      \
         .help = "Let tools that are asked to fall back to a sandbox on the host's own kernel do " \
                 "so"},                                                                            \
    {                                                                                              \
        .name = "allow_path", .type = PYRO_TYPE_STRINGS,                                           \
        .help = "Directory that tools may read and write in; may be given several times; without " \
                "it the current directory, unless that is or holds the home directory"             \
    }

static const struct pyro_parameter serve_parameters[] = {
    SERVER_PARAMETERS,
    {.name = "http",
     .type = PYRO_TYPE_STRING,
     .bare = "127.0.0.1:8765",
     .help = "Listen for HTTP on ADDRESS:PORT (port 0: any that is free) or unix:PATH instead of "
             "serving stdin and stdout; alone it means 127.0.0.1:8765"},
    {.name = "token_file",
     .type = PYRO_TYPE_STRING,
     .help = "File with the token that HTTP clients must send; made, and the token shown on "
             "stderr, if it is not there; needed for addresses that other hosts reach"},
    {.name = "spare_seconds",
     .type = PYRO_TYPE_INTEGER,
     .fallback = "600",
     .minimum = 0,
     .maximum = 86400,
     .help =
         "After vm_run and workspace_create keep a guest ready for the next such call, so long; "
         "0: never"},
    {0},
};

static const struct pyro_parameter config_parameters[] = {
    {.name = "client",
     .type = PYRO_TYPE_STRING,
     .required = true,
     .choices = clients,
     .help = "The client that the snippet is for"},
    SERVER_PARAMETERS,
    {0},
};

static const struct pyro_field no_fields[] = {{0}};

const struct pyro_operation pyro_mcp_serve_operation = {
    .name = "mcp_serve",
    .cli = "mcp serve",
    .title = "Serve MCP",
    .summary = "Offer the tools to MCP clients on stdin and stdout, or over HTTP",
    .description =
        "Speaks the Model Context Protocol on stdin and stdout, for agents that start it: "
        "revisions "
        "2024-11-05 to 2025-11-25 and 2026-07-28. Calls run at the same time, tell their progress, "
        "and can be cancelled. When stdin ends it ends; workspaces, services and shells go on. "
        "With --http it is for any number of clients instead, at the path /mcp, and ends with "
        "SIGTERM; where it listens stands on stderr. The first vm_run or workspace_create has the "
        "guest of the next one made ready in the background: at most one of each, of the shape "
        "used last (--spare-seconds).",
    .examples = "pyro mcp serve\n"
                "pyro mcp serve --tools workspace --allow-path /srv/project\n"
                "pyro mcp serve --http 127.0.0.1:0\n"
                "pyro mcp serve --http unix:/run/user/1000/pyro.sock\n"
                "pyro mcp serve --http 192.0.2.1:8765 --token-file ~/.config/pyro/token",
    .annotations = 0,
    .parameters = serve_parameters,
    .result = no_fields,
};

static const struct pyro_field config_fields[] = {
    {.name = "client", .type = PYRO_TYPE_STRING, .help = "As it was given"},
    {.name = "format", .type = PYRO_TYPE_STRING, .help = "json, toml or yaml"},
    {.name = "file", .type = PYRO_TYPE_STRING, .help = "Where the snippet goes"},
    {.name = "command", .type = PYRO_TYPE_STRINGS, .help = "The words that start the server"},
    {.name = "env",
     .type = PYRO_TYPE_OBJECT,
     .help = "Variables that the server needs and clients do not pass on"},
    {.name = "snippet", .type = PYRO_TYPE_STRING, .help = "What belongs into the file"},
    {0},
};

const struct pyro_operation pyro_mcp_config_operation = {
    .name = "mcp_config",
    .cli = "mcp config",
    .title = "Configure an MCP client",
    .summary = "Print what an MCP client's configuration needs to start the server",
    .description =
        "Prints on stdout the snippet that makes a client start `pyro mcp serve`, and on stderr "
        "which file it belongs into and how to see that it works. Nothing is changed. The program "
        "is named by its whole path unless it is the `pyro` of PATH; a PYRO_HOME that is set goes "
        "into the snippet, because clients do not pass it on.",
    .examples = "pyro mcp config --client claude-code >.mcp.json\n"
                "pyro mcp config --client codex --allow-path ~/src >>~/.codex/config.toml\n"
                "pyro mcp config --client cursor --tools workspace",
    .annotations = PYRO_READ_ONLY | PYRO_IDEMPOTENT,
    .parameters = config_parameters,
    .result = config_fields,
};
