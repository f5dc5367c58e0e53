/* The descriptions of the demos. What they do is the command line's: they show it. */
#include "operation/table.h"

static const struct pyro_parameter demo_parameters[] = {
    {.name = "environment",
     .type = PYRO_TYPE_STRING,
     .fallback = "\"debian:12\"",
     .help = "Environment of the guest; pulled first if it is not installed"},
    {0},
};

static const struct pyro_field step_fields[] = {
    {.name = "name", .type = PYRO_TYPE_STRING, .help = "create, start, exec, diff or delete"},
    {.name = "command", .type = PYRO_TYPE_STRING, .help = "What does the same when it is typed"},
    {.name = "output", .type = PYRO_TYPE_STRING, .help = "What that prints, or what came of it"},
    {.name = "duration_ms", .type = PYRO_TYPE_NUMBER, .help = "How long it took"},
    {0},
};

static const struct pyro_field demo_fields[] = {
    {.name = "environment", .type = PYRO_TYPE_STRING, .help = "Environment of the guest"},
    {.name = "workspace_id", .type = PYRO_TYPE_STRING, .help = "Id that the workspace had"},
    {.name = "host_kernel", .type = PYRO_TYPE_STRING, .help = "Release of this host's kernel"},
    {.name = "guest_kernel", .type = PYRO_TYPE_STRING, .help = "Release of the guest's kernel"},
    {.name = "isolation",
     .type = PYRO_TYPE_STRING,
     .help = "What really stood between guest and host, for example kvm+jail"},
    {.name = "steps",
     .type = PYRO_TYPE_OBJECTS,
     .members = step_fields,
     .help = "What was done, in its order"},
    {.name = "duration_ms", .type = PYRO_TYPE_NUMBER, .help = "How long all of it took"},
    {.name = "deleted", .type = PYRO_TYPE_BOOLEAN, .help = "true: nothing of the guest is left"},
    {0},
};

const struct pyro_operation pyro_demo_operation = {
    .name = "demo",
    .cli = "demo",
    .title = "Show a guest's life",
    .summary = "Create a guest, start it, work in it, delete it, and show each step",
    .description =
        "Plays the life of a workspace and shows each step as it can be typed, what comes of it, "
        "and how long it takes. Nothing is left behind, also when it fails or is interrupted.",
    .examples = "pyro demo\n"
                "pyro demo --environment debian:12-base --json\n"
                "pyro demo ollama --model qwen3:8b",
    .annotations = 0,
    .parameters = demo_parameters,
    .result = demo_fields,
};

static const struct pyro_parameter ollama_parameters[] = {
    {.name = "base_url",
     .type = PYRO_TYPE_STRING,
     .fallback = "\"http://127.0.0.1:11434\"",
     .help = "Where the server is; /v1/chat/completions is asked below it"},
    {.name = "model",
     .type = PYRO_TYPE_STRING,
     .help = "Model to ask; if not given the only one that the server has"},
    {.name = "prompt",
     .type = PYRO_TYPE_STRING,
     .fallback = "\"Run uname -sr in a fresh debian:12 machine with the vm_run function, then tell "
                 "me in one sentence which kernel answered.\"",
     .help = "What the model is asked to do"},
    {.name = "timeout_seconds",
     .type = PYRO_TYPE_INTEGER,
     .fallback = "300",
     .minimum = 1,
     .maximum = 86400,
     .help = "How long one answer of the model may take"},
    {0},
};

static const struct pyro_field ollama_call_fields[] = {
    {.name = "arguments", .type = PYRO_TYPE_STRING, .help = "What the model gave, as JSON"},
    {.name = "exit_code",
     .type = PYRO_TYPE_INTEGER,
     .nullable = true,
     .help = "The command's own; null: none ran"},
    {.name = "error",
     .type = PYRO_TYPE_STRING,
     .nullable = true,
     .help = "What the model was told instead; null: a command ran"},
    {.name = "duration_ms", .type = PYRO_TYPE_NUMBER, .help = "How long the call took"},
    {0},
};

static const struct pyro_field ollama_fields[] = {
    {.name = "model", .type = PYRO_TYPE_STRING, .help = "The model that was asked"},
    {.name = "base_url", .type = PYRO_TYPE_STRING, .help = "The server it is behind"},
    {.name = "round_count",
     .type = PYRO_TYPE_INTEGER,
     .help = "How often the model was asked, 12 times at most"},
    {.name = "call_count", .type = PYRO_TYPE_INTEGER, .help = "How often it called vm_run"},
    {.name = "failed_call_count",
     .type = PYRO_TYPE_INTEGER,
     .help = "How many of the calls ran no command"},
    {.name = "last_exit_code", .type = PYRO_TYPE_INTEGER, .help = "Of the last command that ran"},
    {.name = "calls",
     .type = PYRO_TYPE_OBJECTS,
     .members = ollama_call_fields,
     .help = "The calls in their order"},
    {.name = "answer", .type = PYRO_TYPE_STRING, .help = "What the model said in the end"},
    {.name = "duration_ms", .type = PYRO_TYPE_NUMBER, .help = "How long all of it took"},
    {0},
};

const struct pyro_operation pyro_demo_ollama_operation = {
    .name = "demo_ollama",
    .cli = "demo ollama",
    .title = "Let a model run commands in guests",
    .summary = "Give a model of this machine the vm_run tool, and show what it does with it",
    .description =
        "Asks a model behind an OpenAI-style server (Ollama, llama.cpp's server) and offers it "
        "vm_run, with the schema, the checks and the results that MCP clients get. Its calls are "
        "made in fresh guests until it answers, in 12 rounds at most. Each step is a line, and the "
        "last line sums up. A model that only talks is asked again, up to three times; mistakes in "
        "a call are "
        "told to the model.",
    .examples = "pyro demo ollama --model qwen3:8b\n"
                "pyro demo ollama --base-url http://127.0.0.1:8080 --prompt 'Which Python has "
                "debian:12? Use vm_run.'",
    .annotations = PYRO_DESTRUCTIVE | PYRO_OPEN_WORLD,
    .parameters = ollama_parameters,
    .result = ollama_fields,
};
