/* The descriptions of the service_* operations. What they do is in services.c and service_logs.c.
 */
#include "operation/rows.h"
#include "operation/session_support.h"
#include "operation/table.h"

#define SERVICE_NAME_PARAMETER                                                                     \
    {                                                                                              \
        .name = "service_name", .type = PYRO_TYPE_STRING, .required = true, .positional = true,    \
        .help = "Name of the service within its workspace, for example web"                        \
    }

#define SERVICE_FIELDS                                                                             \
    WORKSPACE_ID_FIELD,                                                                            \
        {.name = "service_name", .type = PYRO_TYPE_STRING, .help = "Name of the service"},         \
        {.name = "state",                                                                          \
         .type = PYRO_TYPE_STRING,                                                                 \
         .help = "starting, running, exited (by itself), stopped (by request, or its guest "       \
                 "ended), failed (it was never ready)"},                                           \
        {.name = "command", .type = PYRO_TYPE_STRING, .help = "As a shell would read it back"},    \
        {.name = "cwd", .type = PYRO_TYPE_STRING, .help = "Directory it was started in"},          \
        {.name = "pid",                                                                            \
         .type = PYRO_TYPE_INTEGER,                                                                \
         .nullable = true,                                                                         \
         .help = "Its process in the guest"},                                                      \
        {.name = "exit_code",                                                                      \
         .type = PYRO_TYPE_INTEGER,                                                                \
         .nullable = true,                                                                         \
         .help = "128+N for signal N; null while it runs, and when its guest ended first"},        \
        {.name = "started_at", .type = PYRO_TYPE_NUMBER, .help = "Epoch seconds"},                 \
        {.name = "ready_at",                                                                       \
         .type = PYRO_TYPE_NUMBER,                                                                 \
         .nullable = true,                                                                         \
         .help = "Epoch seconds; null when it was never ready"},                                   \
        {.name = "ended_at",                                                                       \
         .type = PYRO_TYPE_NUMBER,                                                                 \
         .nullable = true,                                                                         \
         .help = "Epoch seconds; null while it runs, and when nobody saw its end"},                \
        {.name = "readiness",                                                                      \
         .type = PYRO_TYPE_OBJECT,                                                                 \
         .nullable = true,                                                                         \
         .help = "What it was waited for"},                                                        \
    {                                                                                              \
        .name = "stop_reason", .type = PYRO_TYPE_STRING, .nullable = true,                         \
        .help = "Why it does not run any more"                                                     \
    }

static const struct pyro_variant readiness_variants[] = {
    {"file", "path", "ready-file", "Ready when this path exists in the guest"},
    {"tcp", "address", "ready-tcp", "Ready when HOST:PORT accepts a connection in the guest"},
    {"http", "url", "ready-http", "Ready when this http:// URL answers with 2xx or 3xx"},
    {"command", "command", "ready-command", "Ready when this command exits with 0 (/bin/sh -lc)"},
    {0},
};

static const struct pyro_parameter start_parameters[] = {
    WORKSPACE_ID_PARAMETER,
    SERVICE_NAME_PARAMETER,
    {.name = "command",
     .type = PYRO_TYPE_COMMAND,
     .required = true,
     .rest = true,
     .help = COMMAND_HELP},
    {.name = "cwd",
     .type = PYRO_TYPE_STRING,
     .fallback = "\"/workspace\"",
     .help = "Directory of the guest to start it in; relative ones are below /workspace"},
    {.name = "readiness",
     .type = PYRO_TYPE_OBJECT,
     .variants = readiness_variants,
     .help = "What tells that it is ready; without it, it is as soon as it was started"},
    {.name = "ready_timeout_seconds",
     .type = PYRO_TYPE_INTEGER,
     .fallback = "30",
     .minimum = 1,
     .maximum = 86400,
     .help = "How long it may take to be ready; then it is ended, and start fails"},
    {.name = "ready_interval_ms",
     .type = PYRO_TYPE_INTEGER,
     .fallback = "500",
     .minimum = 1,
     .maximum = 3600000,
     .help = "From one look at its readiness to the next"},
    {0},
};

static const struct pyro_field service_fields[] = {SERVICE_FIELDS, {0}};

const struct pyro_operation pyro_service_start_operation = {
    .name = "service_start",
    .cli = "workspace service start",
    .mcp = "service_start",
    .python = "start_service",
    .title = "Start a service",
    .summary = "Start a named process that stays, and wait until it is ready",
    .description =
        "Starts a process in a workspace that runs on without any client, and returns once it is "
        "ready: a file is there, a port accepts connections, a URL answers, or a command succeeds, "
        "all looked at from inside the guest. It has to stay in the foreground: when the process "
        "that was started ends, so does the service. If it ends or is not ready in time, nothing "
        "of "
        "it is left running, and the error tells what was seen last and what it wrote. A name that "
        "does "
        "not run any more can be started anew.",
    .mcp_description =
        "Use this for a program that has to stay running while you do other things, "
        "such as a web server or a database; it has to stay in the foreground. Returns once it is "
        "ready: readiness says "
        "what to wait for (a file, a TCP port, an HTTP URL, or a command that succeeds, "
        "all inside the VM). Ports are reached from commands of the same workspace, not "
        "from this host. If it ends or is not ready in time, nothing of it is left "
        "running, and the error has the last of its output. A name that does not run "
        "any more can be used again.",
    .examples = "pyro workspace service start ws-… web --ready-tcp 127.0.0.1:8000 -- python3 -m "
                "http.server\n"
                "pyro workspace service start ws-… db --ready-command 'redis-cli ping' -- "
                "redis-server --daemonize no",
    .annotations = PYRO_DESTRUCTIVE | PYRO_OPEN_WORLD,
    .parameters = start_parameters,
    .result = service_fields,
    .handler = pyro_service_start_handler,
};

static const struct pyro_parameter list_parameters[] = {WORKSPACE_ID_PARAMETER, {0}};

static const struct pyro_field list_fields[] = {
    WORKSPACE_ID_FIELD,
    {.name = "count", .type = PYRO_TYPE_INTEGER, .help = "How many services"},
    {.name = "running_count", .type = PYRO_TYPE_INTEGER, .help = "How many of them run"},
    {.name = "services",
     .type = PYRO_TYPE_OBJECTS,
     .members = service_fields,
     .help = "The services by name"},
    {0},
};

const struct pyro_operation pyro_service_list_operation = {
    .name = "service_list",
    .cli = "workspace service list",
    .mcp = "service_list",
    .python = "list_services",
    .title = "Services of a workspace",
    .summary = "List the services of a workspace",
    .description = "Lists all services of a workspace, those that have ended too.",
    .mcp_description = "Use this to see all services of a workspace, those that have ended too.",
    .annotations = PYRO_READ_ONLY | PYRO_IDEMPOTENT,
    .parameters = list_parameters,
    .result = list_fields,
    .handler = pyro_service_list_handler,
};

static const struct pyro_parameter name_parameters[] = {
    WORKSPACE_ID_PARAMETER,
    SERVICE_NAME_PARAMETER,
    {0},
};

const struct pyro_operation pyro_service_status_operation = {
    .name = "service_status",
    .cli = "workspace service status",
    .mcp = "service_status",
    .python = "status_service",
    .title = "Status of a service",
    .summary = "Show how a service is",
    .description = "Returns the record of a service as it is now.",
    .mcp_description =
        "Use this to see whether one service of a workspace runs, and if not, why and "
        "with which exit code.",
    .annotations = PYRO_READ_ONLY | PYRO_IDEMPOTENT,
    .parameters = name_parameters,
    .result = service_fields,
    .handler = pyro_service_status_handler,
};

static const struct pyro_parameter logs_parameters[] = {
    WORKSPACE_ID_PARAMETER,
    SERVICE_NAME_PARAMETER,
    {.name = "tail_lines",
     .type = PYRO_TYPE_INTEGER,
     .fallback = "200",
     .minimum = 0,
     .maximum = 1000000000,
     .help = "How many lines of each stream's end"},
    {.name = "all",
     .type = PYRO_TYPE_BOOLEAN,
     .fallback = "false",
     .help = "All that is kept, which is the last 16 MiB of each stream"},
    {.name = "follow",
     .type = PYRO_TYPE_BOOLEAN,
     .fallback = "false",
     .command_line = true,
     .help = "Go on with what comes, until the service ends"},
    {0},
};

static const struct pyro_field logs_fields[] = {
    SERVICE_FIELDS,
    {.name = "stdout", .type = PYRO_TYPE_STRING, .help = "What it wrote there, as UTF-8"},
    {.name = "stderr", .type = PYRO_TYPE_STRING, .help = "The same of stderr"},
    {.name = "tail_lines",
     .type = PYRO_TYPE_INTEGER,
     .nullable = true,
     .help = "As it was given; null with all"},
    {.name = "truncated", .type = PYRO_TYPE_BOOLEAN, .help = "Whether there was more before it"},
    {0},
};

const struct pyro_operation pyro_service_logs_operation = {
    .name = "service_logs",
    .cli = "workspace service logs",
    .output = PYRO_OUTPUT_KEPT,
    .mcp = "service_logs",
    .python = "logs_service",
    .title = "Output of a service",
    .summary = "Show what a service wrote",
    .description = "Returns the end of what a service wrote to stdout and stderr since it was "
                   "started last, also when it or its guest has ended. It is kept outside of "
                   "/workspace: no diff and no export shows it.",
    .mcp_description =
        "Use this to read the end of what a service wrote to stdout and stderr since it "
        "was started last, also when it has ended. Ask for a few lines with tail_lines "
        "first.",
    .examples = "pyro workspace service logs ws-… web --tail-lines 20\n"
                "pyro workspace service logs ws-… web --follow",
    .annotations = PYRO_READ_ONLY | PYRO_IDEMPOTENT,
    .parameters = logs_parameters,
    .result = logs_fields,
    .handler = pyro_service_logs_handler,
};

static const struct pyro_parameter stop_parameters[] = {
    WORKSPACE_ID_PARAMETER,
    SERVICE_NAME_PARAMETER,
    {.name = "grace_seconds",
     .type = PYRO_TYPE_INTEGER,
     .fallback = "10",
     .minimum = 0,
     .maximum = 3600,
     .help = "How long its processes may take to end after SIGTERM; then they are killed"},
    {0},
};

static const struct pyro_field stop_fields[] = {
    SERVICE_FIELDS,
    {.name = "was_running",
     .type = PYRO_TYPE_BOOLEAN,
     .help = "false when it had ended before; `state` tells whether by itself"},
    {0},
};

const struct pyro_operation pyro_service_stop_operation = {
    .name = "service_stop",
    .cli = "workspace service stop",
    .mcp = "service_stop",
    .python = "stop_service",
    .title = "Stop a service",
    .summary = "End a service and all it has started",
    .description = "Sends SIGTERM to all processes of a service, kills what is left of them after "
                   "the grace time, and returns when nothing of it runs. One that has ended "
                   "already stays as it is, which is no error.",
    .mcp_description =
        "Use this to end a service and all that it has started. Sends SIGTERM, and "
        "kills what is left after grace_seconds. One that has ended already stays as it "
        "is, which is no error.",
    .annotations = PYRO_DESTRUCTIVE | PYRO_IDEMPOTENT,
    .parameters = stop_parameters,
    .result = stop_fields,
    .handler = pyro_service_stop_handler,
};
