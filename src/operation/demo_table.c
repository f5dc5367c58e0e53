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
                "pyro demo --environment debian:12-base --json",
    .annotations = 0,
    .parameters = demo_parameters,
    .result = demo_fields,
};
