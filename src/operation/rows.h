/* Rows that operations of several families share, so that they cannot drift apart. */
#ifndef PYRO_OPERATION_ROWS_H
#define PYRO_OPERATION_ROWS_H

#define COMMAND_HELP                                                                               \
    "Command to run: a list is one argument vector, never split again; a string runs under "       \
    "/bin/sh -lc"

#define WORKSPACE_ID_PARAMETER                                                                     \
    {                                                                                              \
        .name = "workspace_id", .type = PYRO_TYPE_STRING, .required = true, .positional = true,    \
        .help = "Id of the workspace, as workspace create told it"                                 \
    }

#define WORKSPACE_ID_FIELD                                                                         \
    {                                                                                              \
        .name = "workspace_id", .type = PYRO_TYPE_STRING, .help = "Id of the workspace"            \
    }

#define SHAPE_PARAMETERS                                                                           \
    {.name = "environment",                                                                        \
     .type = PYRO_TYPE_STRING,                                                                     \
     .required = true,                                                                             \
     .positional = true,                                                                           \
     .help = "Environment of the guest, for example debian:12; pulled first if it is not "         \
             "installed"},                                                                         \
        {.name = "vcpu_count",                                                                     \
         .type = PYRO_TYPE_INTEGER,                                                                \
         .fallback = "1",                                                                          \
         .minimum = 1,                                                                             \
         .maximum = 64,                                                                            \
         .help = "Virtual CPUs of the guest"},                                                     \
    {                                                                                              \
        .name = "mem_mib", .type = PYRO_TYPE_INTEGER, .fallback = "1024", .minimum = 128,          \
        .maximum = INT64_C(16777216), .help = "Memory of the guest in MiB"                         \
    }

#define PERMISSION_PARAMETERS                                                                      \
    {.name = "network",                                                                            \
     .type = PYRO_TYPE_BOOLEAN,                                                                    \
     .fallback = "false",                                                                          \
     .help = "Give the guest a way out to the network (never to this host); without it there is "  \
             "no NIC"},                                                                            \
    {                                                                                              \
        .name = "allow_host_compat", .type = PYRO_TYPE_BOOLEAN, .fallback = "false",               \
        .help = "If no VM can run here, use a sandbox on the host's own kernel instead of failing" \
    }

#define ISOLATION_FIELDS                                                                           \
    {.name = "execution_mode",                                                                     \
     .type = PYRO_TYPE_STRING,                                                                     \
     .help = "pending before the start, guest in a VM, host_compat in a sandbox on the host"},     \
        {.name = "accelerator",                                                                    \
         .type = PYRO_TYPE_STRING,                                                                 \
         .nullable = true,                                                                         \
         .help = "kvm, tcg (software emulation) or none; null before the start"},                  \
    {                                                                                              \
        .name = "isolation", .type = PYRO_TYPE_STRING, .nullable = true,                           \
        .help = "What really stands between guest and host, for example kvm+jail"                  \
    }

#define BOOT_NUMBER(field, text)                                                                   \
    {                                                                                              \
        .name = field, .type = PYRO_TYPE_NUMBER, .nullable = true, .help = text                    \
    }

#define BOOT_FIELDS                                                                                \
    BOOT_NUMBER("boot_ms", "From the start to the agent's answer, in milliseconds"),               \
        {.name = "boot_kind",                                                                      \
         .type = PYRO_TYPE_STRING,                                                                 \
         .nullable = true,                                                                         \
         .help = "restored from a template, or cold"},                                             \
        {.name = "boot_fallback",                                                                  \
         .type = PYRO_TYPE_STRING,                                                                 \
         .nullable = true,                                                                         \
         .help = "Why a guest that had a template was booted all the same"},                       \
        {.name = "boot_attempts",                                                                  \
         .type = PYRO_TYPE_INTEGER,                                                                \
         .nullable = true,                                                                         \
         .help = "How often QEMU was started: 1 unless a start failed"},                           \
        BOOT_NUMBER("boot_qemu_ms", "Until QEMU was up"),                                          \
        BOOT_NUMBER("boot_kernel_ms", "Cold: from there to the guest's first process"),            \
        BOOT_NUMBER("boot_agent_ms", "Cold: from there to the agent's answer"),                    \
        BOOT_NUMBER("boot_restore_ms", "Restored: from QEMU to the guest going on"),               \
        BOOT_NUMBER("boot_setup_ms", "From there until the guest had its identity")

#define STREAM_FIELDS(stream)                                                                      \
    {.name = stream,                                                                               \
     .type = PYRO_TYPE_STRING,                                                                     \
     .help = "What the command wrote, as UTF-8; head and tail when it was longer than the cap"},   \
        {.name = stream "_bytes",                                                                  \
         .type = PYRO_TYPE_INTEGER,                                                                \
         .help = "How many bytes the command wrote"},                                              \
        {.name = stream "_truncated",                                                              \
         .type = PYRO_TYPE_BOOLEAN,                                                                \
         .help = "Whether some of them were left out"},                                            \
    {                                                                                              \
        .name = stream "_path", .type = PYRO_TYPE_STRING, .nullable = true,                        \
        .help = "File with the whole stream, while there is one"                                   \
    }

#define SHAPE_FIELDS                                                                               \
    {.name = "vcpu_count", .type = PYRO_TYPE_INTEGER, .help = "Virtual CPUs"},                     \
        {.name = "mem_mib", .type = PYRO_TYPE_INTEGER, .help = "Memory in MiB"},                   \
        {.name = "ttl_seconds", .type = PYRO_TYPE_INTEGER, .help = "How long the VM may live"},    \
        {.name = "created_at", .type = PYRO_TYPE_NUMBER, .help = "Epoch seconds"},                 \
        {.name = "expires_at",                                                                     \
         .type = PYRO_TYPE_NUMBER,                                                                 \
         .help = "Epoch seconds; then the VM goes"},                                               \
        {.name = "network_enabled", .type = PYRO_TYPE_BOOLEAN, .help = "Whether there is a NIC"},  \
    {                                                                                              \
        .name = "allow_host_compat", .type = PYRO_TYPE_BOOLEAN,                                    \
        .help = "Whether a sandbox on the host's kernel would do"                                  \
    }

#define EXEC_FIELDS                                                                                \
    {.name = "command",                                                                            \
     .type = PYRO_TYPE_STRING,                                                                     \
     .help = "The command, as a shell would read it back"},                                        \
        {.name = "exit_code",                                                                      \
         .type = PYRO_TYPE_INTEGER,                                                                \
         .help =                                                                                   \
             "The command's own; 128+N for signal N; 124 at the time limit; 126 or 127 when it "   \
             "could not be started"},                                                              \
        STREAM_FIELDS("stdout"), STREAM_FIELDS("stderr"),                                          \
        {.name = "duration_ms", .type = PYRO_TYPE_NUMBER, .help = "How long the command ran"},     \
    {                                                                                              \
        .name = "timed_out", .type = PYRO_TYPE_BOOLEAN, .help = "Whether the time limit ended it"  \
    }

#endif
