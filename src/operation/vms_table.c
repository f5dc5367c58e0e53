/* The descriptions of the vm_* operations. What they do is in vms.c. */
#include "operation/rows.h"
#include "operation/table.h"
#include "operation/vms.h"

/* Rows that several operations share, so that they cannot drift apart. */
#define VM_ID_PARAMETER                                                                            \
    {                                                                                              \
        .name = "vm_id", .type = PYRO_TYPE_STRING, .required = true, .positional = true,           \
        .help = "Id of the VM, as vm_create returned it"                                           \
    }

static const struct pyro_field record_fields[] = {
    {.name = "vm_id", .type = PYRO_TYPE_STRING, .help = "Id of the VM"},
    {.name = "environment", .type = PYRO_TYPE_STRING, .help = "Environment of the guest"},
    {.name = "state", .type = PYRO_TYPE_STRING, .help = "created, started or stopped"},
    SHAPE_FIELDS,
    ISOLATION_FIELDS,
    BOOT_FIELDS,
    {0},
};

static const struct pyro_field cleanup_fields[] = {
    {.name = "deleted", .type = PYRO_TYPE_BOOLEAN, .help = "Nothing of the VM is left"},
    {0},
};

static const struct pyro_field exec_fields[] = {
    EXEC_FIELDS,
    {.name = "environment", .type = PYRO_TYPE_STRING, .help = "Environment of the guest"},
    {.name = "vm_id", .type = PYRO_TYPE_STRING, .help = "Id of the VM, which is gone now"},
    ISOLATION_FIELDS,
    BOOT_FIELDS,
    {.name = "cleanup",
     .type = PYRO_TYPE_OBJECT,
     .members = cleanup_fields,
     .help = "What became of the VM"},
    {0},
};

static const struct pyro_field delete_fields[] = {
    {.name = "vm_id", .type = PYRO_TYPE_STRING, .help = "Id of the VM"},
    {.name = "deleted", .type = PYRO_TYPE_BOOLEAN, .help = "true"},
    {0},
};

static const struct pyro_field reap_fields[] = {
    {.name = "reaped_vm_ids",
     .type = PYRO_TYPE_STRINGS,
     .help = "VMs that had reached their time limit or had lost their processes"},
    {.name = "count", .type = PYRO_TYPE_INTEGER, .help = "How many"},
    {0},
};

static const struct pyro_field network_fields[] = {
    {.name = "vm_id", .type = PYRO_TYPE_STRING, .help = "Id of the VM"},
    {.name = "network_enabled", .type = PYRO_TYPE_BOOLEAN, .help = "Whether there is a NIC"},
    {.name = "guest_ip", .type = PYRO_TYPE_STRING, .nullable = true, .help = "IPv4 address"},
    {.name = "gateway", .type = PYRO_TYPE_STRING, .nullable = true, .help = "IPv4 address"},
    {.name = "dns", .type = PYRO_TYPE_STRINGS, .help = "Name servers that the guest uses"},
    {.name = "mac", .type = PYRO_TYPE_STRING, .nullable = true, .help = "Address of the NIC"},
    {.name = "backend", .type = PYRO_TYPE_STRING, .nullable = true, .help = "passt"},
    {0},
};

static const struct pyro_parameter id_parameters[] = {VM_ID_PARAMETER, {0}};
static const struct pyro_parameter no_parameters[] = {{0}};

static const struct pyro_parameter run_parameters[] = {
    SHAPE_PARAMETERS,
    {.name = "timeout_seconds",
     .type = PYRO_TYPE_INTEGER,
     .fallback = "300",
     .minimum = 1,
     .maximum = 86400,
     .help = "Time limit of the command; at its end everything it started is killed"},
    {.name = "ttl_seconds",
     .type = PYRO_TYPE_INTEGER,
     .minimum = 1,
     .maximum = 31536000,
     .help = "Time limit of the whole VM; if not given 600, or the command's + 300 if that is "
             "more"},
    PERMISSION_PARAMETERS,
    {.name = "command",
     .type = PYRO_TYPE_COMMAND,
     .required = true,
     .rest = true,
     .help = COMMAND_HELP},
    {0},
};

const struct pyro_operation pyro_vm_run_operation = {
    .name = "vm_run",
    .output = PYRO_OUTPUT_COMMAND,
    .cli = "run",
    .mcp = "vm_run",
    .python = "run_in_vm",
    .title = "Run a command in a fresh VM",
    .summary = "Run one command in a fresh guest and throw the guest away",
    .description =
        "Starts a Linux guest with its own kernel, runs one command in it as root, and deletes the "
        "guest when the command ends. Nothing of this host is visible inside, and there is no "
        "network unless asked for. Needs neither root nor KVM; without KVM the guest is emulated, "
        "which is slower, and the result says so.",
    .mcp_description =
        "Use this for one command that needs no state from before and leaves none: it "
        "starts a fresh Linux VM, runs the command as root, and deletes the VM. Returns "
        "exit_code, stdout and stderr; a non-zero exit_code is a result, not an error. "
        "The working directory is empty, nothing of this host is visible inside, and "
        "there is no network unless network is true. For several steps, or to work on "
        "files of the host, use workspace_create. At timeout_seconds everything the "
        "command started is killed, and exit_code is 124.",
    .examples =
        "pyro run debian:12 -- git --version\n"
        "echo 'print(6*7)' | pyro run debian:12 -- python3 -\n"
        "pyro run debian:12 --network -- sh -c 'apt-get update && apt-get install -y hello'\n"
        "pyro run debian:12-build --mem-mib 2048 --json -- gcc --version",
    .exit_statuses = "N      the command's own exit code\n"
                     "124    the time limit ended the command\n"
                     "126    the command could not be executed\n"
                     "127    the command was not found in the guest\n"
                     "128+N  signal N ended the command",
    .annotations = PYRO_DESTRUCTIVE | PYRO_OPEN_WORLD,
    .parameters = run_parameters,
    .result = exec_fields,
    .handler = pyro_vm_run_handler,
};

static const struct pyro_parameter create_parameters[] = {
    SHAPE_PARAMETERS,
    {.name = "ttl_seconds",
     .type = PYRO_TYPE_INTEGER,
     .fallback = "600",
     .minimum = 1,
     .maximum = 31536000,
     .help = "Time limit of the VM; at its end it is deleted"},
    PERMISSION_PARAMETERS,
    {0},
};

const struct pyro_operation pyro_vm_create_operation = {
    .name = "vm_create",
    .mcp = "vm_create",
    .python = "create_vm",
    .title = "Create a VM",
    .summary = "Prepare a VM without starting it",
    .description = "Prepares a VM and returns its record. Start it with vm_start, run a command "
                   "with vm_exec. It is deleted by vm_delete, by vm_exec, or at its time limit.",
    .mcp_description =
        "Use this only when vm_run and workspace_create do not fit, to prepare a VM "
        "whose start and end you decide yourself. Returns its vm_id; nothing runs yet. "
        "Go on with vm_start, then vm_exec, which deletes the VM. It is deleted too by "
        "vm_delete, and ttl_seconds after it was made; its vm_id is good until then.",
    .annotations = PYRO_OPEN_WORLD,
    .parameters = create_parameters,
    .result = record_fields,
    .handler = pyro_vm_create_handler,
};

const struct pyro_operation pyro_vm_start_operation = {
    .name = "vm_start",
    .mcp = "vm_start",
    .python = "start_vm",
    .title = "Start a VM",
    .summary = "Boot a VM that was created or stopped",
    .description = "Boots the guest and returns when its agent answers. A stopped VM boots again "
                   "with the disk it had.",
    .mcp_description =
        "Use this after vm_create, or after vm_stop, to boot the VM. Returns its record "
        "when the guest answers. A VM that was stopped boots with the disk it had.",
    .annotations = PYRO_IDEMPOTENT | PYRO_OPEN_WORLD,
    .parameters = id_parameters,
    .result = record_fields,
    .handler = pyro_vm_start_handler,
};

static const struct pyro_parameter exec_parameters[] = {
    VM_ID_PARAMETER,
    {.name = "command",
     .type = PYRO_TYPE_COMMAND,
     .required = true,
     .rest = true,
     .help = COMMAND_HELP},
    {.name = "timeout_seconds",
     .type = PYRO_TYPE_INTEGER,
     .fallback = "30",
     .minimum = 1,
     .maximum = 86400,
     .help = "Time limit of the command; at its end everything it started is killed"},
    {0},
};

const struct pyro_operation pyro_vm_exec_operation = {
    .name = "vm_exec",
    .output = PYRO_OUTPUT_COMMAND,
    .mcp = "vm_exec",
    .python = "exec_vm",
    .title = "Run a command in a VM and delete the VM",
    .summary = "Run one command in a started VM, then delete the VM",
    .description = "Runs one command in a started VM, returns its output, and deletes the VM. To "
                   "run several commands, join them with a shell.",
    .mcp_description =
        "Use this to run the one command that a VM made with vm_create and vm_start was "
        "made for: the VM is deleted afterwards. Returns exit_code, stdout and stderr. "
        "To run several commands join them with a shell, or use workspace_exec in a "
        "workspace instead.",
    .annotations = PYRO_DESTRUCTIVE | PYRO_OPEN_WORLD,
    .parameters = exec_parameters,
    .result = exec_fields,
    .handler = pyro_vm_exec_handler,
};

const struct pyro_operation pyro_vm_stop_operation = {
    .name = "vm_stop",
    .mcp = "vm_stop",
    .python = "stop_vm",
    .title = "Stop a VM",
    .summary = "Power a VM off and keep its disk",
    .description = "Powers the guest off. Its disk stays until vm_delete or the time limit.",
    .mcp_description = "Use this to power a VM off and keep its disk for a later vm_start.",
    .annotations = PYRO_DESTRUCTIVE | PYRO_IDEMPOTENT,
    .parameters = id_parameters,
    .result = record_fields,
    .handler = pyro_vm_stop_handler,
};

const struct pyro_operation pyro_vm_delete_operation = {
    .name = "vm_delete",
    .mcp = "vm_delete",
    .python = "delete_vm",
    .title = "Delete a VM",
    .summary = "End a VM and remove everything it left",
    .description = "Ends the guest if it runs and removes its disk and its record.",
    .mcp_description =
        "Use this when a VM from vm_create is not needed any more and vm_exec has not "
        "deleted it. Ends the guest and removes its disk and its record. Workspaces are "
        "deleted with workspace_delete.",
    .annotations = PYRO_DESTRUCTIVE | PYRO_IDEMPOTENT,
    .parameters = id_parameters,
    .result = delete_fields,
    .handler = pyro_vm_delete_handler,
};

const struct pyro_operation pyro_vm_status_operation = {
    .name = "vm_status",
    .mcp = "vm_status",
    .python = "status_vm",
    .title = "Status of a VM",
    .summary = "Show the record of a VM",
    .description = "Returns the record of a VM as it is now.",
    .mcp_description =
        "Use this to see how a VM from vm_create is: created, started or stopped, its "
        "shape, and when it expires. For workspaces use workspace_status.",
    .annotations = PYRO_READ_ONLY | PYRO_IDEMPOTENT,
    .parameters = id_parameters,
    .result = record_fields,
    .handler = pyro_vm_status_handler,
};

const struct pyro_operation pyro_vm_network_info_operation = {
    .name = "vm_network_info",
    .mcp = "vm_network_info",
    .python = "network_info_vm",
    .title = "Network of a VM",
    .summary = "Show the addresses of a VM",
    .description = "Returns the addresses that the guest uses; all null without a network.",
    .mcp_description =
        "Use this to see the addresses that a VM made with network true has. They are "
        "left out for a VM without a network.",
    .annotations = PYRO_READ_ONLY | PYRO_IDEMPOTENT,
    .parameters = id_parameters,
    .result = network_fields,
    .handler = pyro_vm_network_info_handler,
};

const struct pyro_operation pyro_vm_reap_expired_operation = {
    .name = "vm_reap_expired",
    .mcp = "vm_reap_expired",
    .python = "reap_expired",
    .title = "Remove expired VMs",
    .summary = "Delete VMs that have reached their time limit",
    .description = "Deletes VMs beyond their time limit and clears up after VMs whose processes "
                   "are gone. Normally every VM does this for itself.",
    .mcp_description =
        "Use this only when VMs that have expired seem to be left behind. Deletes VMs "
        "beyond their time limit and clears up after those whose processes are gone. "
        "Normally every VM does this for itself.",
    .annotations = PYRO_DESTRUCTIVE | PYRO_IDEMPOTENT,
    .parameters = no_parameters,
    .result = reap_fields,
    .handler = pyro_vm_reap_expired_handler,
};
