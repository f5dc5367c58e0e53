/* The descriptions of the workspace_* operations. What they do is in workspaces.c, workspace_exec.c
 * and workspace_files.c. */
#include "operation/rows.h"
#include "operation/table.h"
#include "operation/workspaces.h"

#define LEFT_OUT_FIELD                                                                             \
    {                                                                                              \
        .name = "left_out", .type = PYRO_TYPE_STRINGS, .nullable = true,                           \
        .help = "Places of secrets, like .ssh, that the MCP server does not push; only when "      \
                "there are some"                                                                   \
    }

static const struct pyro_field seed_fields[] = {
    {.name = "mode", .type = PYRO_TYPE_STRING, .help = "empty, directory or tar_archive"},
    {.name = "seed_path", .type = PYRO_TYPE_STRING, .nullable = true, .help = "As it was given"},
    {.name = "destination", .type = PYRO_TYPE_STRING, .help = "/workspace"},
    {.name = "entry_count",
     .type = PYRO_TYPE_INTEGER,
     .help = "Files, directories and links that were put there"},
    {.name = "bytes_written", .type = PYRO_TYPE_INTEGER, .help = "Bytes of files' data"},
    LEFT_OUT_FIELD,
    {0},
};

static const struct pyro_field last_command_fields[] = {
    {.name = "command", .type = PYRO_TYPE_STRING, .help = "As a shell would read it back"},
    {.name = "exit_code",
     .type = PYRO_TYPE_INTEGER,
     .nullable = true,
     .help = "null while it runs, and when its guest died first"},
    {.name = "sequence", .type = PYRO_TYPE_INTEGER, .help = "Its number"},
    {0},
};

static const struct pyro_field record_fields[] = {
    WORKSPACE_ID_FIELD,
    {.name = "workspace_path", .type = PYRO_TYPE_STRING, .help = "/workspace"},
    {.name = "vm_id", .type = PYRO_TYPE_STRING, .help = "Id of the VM that it is"},
    {.name = "environment", .type = PYRO_TYPE_STRING, .help = "Environment of the guest"},
    {.name = "state",
     .type = PYRO_TYPE_STRING,
     .help = "started; stopped; failed when its guest or its supervisor died by itself"},
    {.name = "failure",
     .type = PYRO_TYPE_STRING,
     .nullable = true,
     .help = "Why it does not run though nobody deleted it"},
    SHAPE_FIELDS,
    ISOLATION_FIELDS,
    BOOT_FIELDS,
    {.name = "workspace_seed",
     .type = PYRO_TYPE_OBJECT,
     .members = seed_fields,
     .help = "How /workspace was filled"},
    {.name = "command_count", .type = PYRO_TYPE_INTEGER, .help = "Commands run so far"},
    {.name = "last_command",
     .type = PYRO_TYPE_OBJECT,
     .nullable = true,
     .members = last_command_fields,
     .help = "The last of them"},
    {.name = "service_count", .type = PYRO_TYPE_INTEGER, .help = "Services, ended ones too"},
    {.name = "running_service_count", .type = PYRO_TYPE_INTEGER, .help = "Those that run"},
    {.name = "shell_count", .type = PYRO_TYPE_INTEGER, .help = "Shells, closed ones too"},
    {.name = "running_shell_ids", .type = PYRO_TYPE_STRINGS, .help = "Ids of those that are open"},
    {0},
};

static const struct pyro_parameter create_parameters[] = {
    SHAPE_PARAMETERS,
    {.name = "ttl_seconds",
     .type = PYRO_TYPE_INTEGER,
     .fallback = "86400",
     .minimum = 1,
     .maximum = 31536000,
     .help = "How long after its last use the guest is powered off; files and history stay"},
    PERMISSION_PARAMETERS,
    {.name = "seed_path",
     .type = PYRO_TYPE_STRING,
     .host_path = PYRO_HOST_SOURCE,
     .help = "Directory of this host, or .tar, .tar.gz or .tgz archive, that fills /workspace"},
    {0},
};

const struct pyro_operation pyro_workspace_create_operation = {
    .name = "workspace_create",
    .cli = "workspace create",
    .mcp = "workspace_create",
    .python = "create_workspace",
    .title = "Create a workspace",
    .summary = "Start a guest that stays, with /workspace filled from a directory or archive",
    .description =
        "Starts a guest that lives on until it is deleted, fills its /workspace from a directory "
        "or "
        "an archive of this host if one is given, and remembers that state as the baseline of "
        "later "
        "diffs. Commands then run in it one after the other or at once, and find what those before "
        "them left. It does not need this process, this terminal or this login session. A "
        "workspace is "
        "always a guest: allow_host_compat is taken, and changes nothing.",
    .mcp_description =
        "Use this to begin work of several steps: it starts a Linux VM that stays, with "
        "a directory /workspace. seed_path fills /workspace from a directory or tar "
        "archive of this host; that state is the baseline of workspace_diff. Returns "
        "workspace_id, which every other workspace, service and shell tool takes, and "
        "which stays good until workspace_delete, in other sessions too. ttl_seconds "
        "after the last use the VM is powered off; its files and history stay, and the "
        "next workspace_exec starts it again. Set network to true if packages are to be "
        "installed.",
    .examples = "pyro workspace create debian:12-build --seed-path .\n"
                "pyro workspace create debian:12 --seed-path project.tar.gz --network --json",
    .annotations = PYRO_OPEN_WORLD,
    .parameters = create_parameters,
    .result = record_fields,
    .handler = pyro_workspace_create_handler,
};

static const struct pyro_field sync_fields[] = {
    {.name = "mode", .type = PYRO_TYPE_STRING, .help = "directory or tar_archive"},
    {.name = "source_path", .type = PYRO_TYPE_STRING, .help = "As it was given"},
    {.name = "destination", .type = PYRO_TYPE_STRING, .help = "Where it went in the guest"},
    {.name = "entry_count", .type = PYRO_TYPE_INTEGER, .help = "Entries that were put there"},
    {.name = "bytes_written", .type = PYRO_TYPE_INTEGER, .help = "Bytes of files' data"},
    LEFT_OUT_FIELD,
    {0},
};

static const struct pyro_field push_fields[] = {
    WORKSPACE_ID_FIELD,
    {.name = "execution_mode", .type = PYRO_TYPE_STRING, .help = "guest"},
    {.name = "workspace_sync",
     .type = PYRO_TYPE_OBJECT,
     .members = sync_fields,
     .help = "What was put there"},
    {0},
};

static const struct pyro_parameter push_parameters[] = {
    WORKSPACE_ID_PARAMETER,
    {.name = "source_path",
     .type = PYRO_TYPE_STRING,
     .host_path = PYRO_HOST_SOURCE,
     .required = true,
     .positional = true,
     .help = "Directory of this host, or .tar, .tar.gz or .tgz archive; its content is put there"},
    {.name = "dest",
     .type = PYRO_TYPE_STRING,
     .fallback = "\"/workspace\"",
     .help = "Directory under /workspace to put it into; made if it is not there"},
    {0},
};

const struct pyro_operation pyro_workspace_sync_push_operation = {
    .name = "workspace_sync_push",
    .cli = "workspace sync push",
    .mcp = "workspace_sync_push",
    .python = "push_workspace_sync",
    .title = "Push files into a workspace",
    .summary = "Put a directory or an archive of this host into a workspace",
    .description =
        "Copies the content of a directory or an archive into a started workspace, over what is "
        "there. Each file appears whole or not at all. If it fails half-way the error says which "
        "entries are in. The baseline of diffs stays what it was.",
    .mcp_description =
        "Use this to copy more files from this host into a workspace that is there "
        "already. Puts the content of a directory or tar archive under dest, over what "
        "is there; each file appears whole or not at all. The baseline of "
        "workspace_diff stays as it was. If it fails half-way, the error says which "
        "entries are in.",
    .examples = "pyro workspace sync push ws-… ./patches --dest /workspace/patches\n"
                "pyro workspace sync push ws-… fixtures.tgz",
    .annotations = PYRO_DESTRUCTIVE | PYRO_IDEMPOTENT,
    .parameters = push_parameters,
    .result = push_fields,
    .handler = pyro_workspace_sync_push_handler,
};

static const struct pyro_field exec_fields[] = {
    WORKSPACE_ID_FIELD,
    {.name = "sequence", .type = PYRO_TYPE_INTEGER, .help = "Number of the command, from 1"},
    {.name = "cwd", .type = PYRO_TYPE_STRING, .help = "Directory it ran in"},
    {.name = "restarted",
     .type = PYRO_TYPE_STRING,
     .nullable = true,
     .help = "Why the guest had to be started again from its disk for this; null: it ran"},
    EXEC_FIELDS,
    {.name = "environment", .type = PYRO_TYPE_STRING, .help = "Environment of the guest"},
    {.name = "vm_id", .type = PYRO_TYPE_STRING, .help = "Id of the VM"},
    ISOLATION_FIELDS,
    BOOT_FIELDS,
    {0},
};

static const struct pyro_parameter exec_parameters[] = {
    WORKSPACE_ID_PARAMETER,
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

const struct pyro_operation pyro_workspace_exec_operation = {
    .name = "workspace_exec",
    .cli = "workspace exec",
    .output = PYRO_OUTPUT_COMMAND,
    .mcp = "workspace_exec",
    .python = "exec_workspace",
    .title = "Run a command in a workspace",
    .summary = "Run one command in a workspace, which stays",
    .description =
        "Runs one command as root in /workspace of a workspace and passes its output on as it "
        "comes. "
        "The workspace stays, the command and its output are kept in its history (workspace logs). "
        "Several may run at once. Programs that the command leaves in the background go on. A "
        "workspace whose guest is gone is started again from its disk, and stderr says so.",
    .mcp_description =
        "Use this to run a command in a workspace, as root in /workspace; files, "
        "packages and background programs of earlier commands are still there. Returns "
        "exit_code, stdout and stderr; a non-zero exit_code is a result, not an error. "
        "Each call is a new process: cd and exported variables do not last, for that "
        "use shell_open. Pass a larger timeout_seconds for builds and tests; at its end "
        "everything the command started is killed, and exit_code is 124. For servers "
        "use service_start. If the VM was off it is started again from its disk, and "
        "restarted says why.",
    .examples = "pyro workspace exec ws-… -- make test\n"
                "pyro workspace exec ws-… --timeout-seconds 600 -- sh -c 'apt-get update && make'",
    .exit_statuses = "N      the command's own exit code\n"
                     "124    the time limit ended the command\n"
                     "126    the command could not be executed\n"
                     "127    the command was not found in the guest\n"
                     "128+N  signal N ended the command",
    .annotations = PYRO_DESTRUCTIVE | PYRO_OPEN_WORLD,
    .parameters = exec_parameters,
    .result = exec_fields,
    .handler = pyro_workspace_exec_handler,
};

static const struct pyro_field skipped_fields[] = {
    {.name = "path", .type = PYRO_TYPE_STRING, .nullable = true, .help = "Below what was exported"},
    {.name = "reason", .type = PYRO_TYPE_STRING, .help = "Why it was left out"},
    {0},
};

static const struct pyro_field export_fields[] = {
    WORKSPACE_ID_FIELD,
    {.name = "workspace_path", .type = PYRO_TYPE_STRING, .help = "What was exported"},
    {.name = "output_path", .type = PYRO_TYPE_STRING, .help = "Where it is on this host"},
    {.name = "artifact_type", .type = PYRO_TYPE_STRING, .help = "file, directory or symlink"},
    {.name = "entry_count", .type = PYRO_TYPE_INTEGER, .help = "Entries written"},
    {.name = "bytes_written", .type = PYRO_TYPE_INTEGER, .help = "Bytes of files' data"},
    {.name = "skipped",
     .type = PYRO_TYPE_OBJECTS,
     .members = skipped_fields,
     .help = "What was left out: devices, sockets, pipes, links that lead out"},
    {0},
};

static const struct pyro_parameter export_parameters[] = {
    WORKSPACE_ID_PARAMETER,
    {.name = "path",
     .type = PYRO_TYPE_STRING,
     .required = true,
     .positional = true,
     .help = "File, directory or symlink under /workspace"},
    {.name = "output_path",
     .flag = "output",
     .type = PYRO_TYPE_STRING,
     .host_path = PYRO_HOST_OUTPUT,
     .required = true,
     .help = "Path on this host that it becomes; its directory must be there"},
    {.name = "force",
     .type = PYRO_TYPE_BOOLEAN,
     .fallback = "false",
     .help = "Replace what is at the output path"},
    {0},
};

const struct pyro_operation pyro_workspace_export_operation = {
    .name = "workspace_export",
    .cli = "workspace export",
    .mcp = "workspace_export",
    .python = "export_workspace",
    .title = "Take files home from a workspace",
    .summary = "Copy a file or directory from a workspace to this host",
    .description =
        "Copies one file, directory or symlink from /workspace to a path of this host. It is "
        "written "
        "beside its goal and renamed when all of it is there. Nothing is ever created elsewhere: "
        "devices, sockets, pipes and links that lead out of what is exported are left out and "
        "listed; set-id bits are dropped.",
    .mcp_description =
        "Use this to copy a file, directory or symlink from /workspace to a path on "
        "this host. Nothing is written anywhere else, and what is there already is only "
        "replaced when force is true. Devices, sockets, pipes and links that lead out "
        "are left out and listed in skipped.",
    .examples = "pyro workspace export ws-… build/app --output ./app\n"
                "pyro workspace export ws-… /workspace --output ./result --force",
    .annotations = PYRO_DESTRUCTIVE | PYRO_IDEMPOTENT,
    .parameters = export_parameters,
    .result = export_fields,
    .handler = pyro_workspace_export_handler,
};

static const struct pyro_field summary_fields[] = {
    {.name = "total", .type = PYRO_TYPE_INTEGER, .help = "Entries that changed"},
    {.name = "added", .type = PYRO_TYPE_INTEGER, .help = "Those that are new"},
    {.name = "modified", .type = PYRO_TYPE_INTEGER, .help = "Content or permissions differ"},
    {.name = "deleted", .type = PYRO_TYPE_INTEGER, .help = "Those that are gone"},
    {.name = "type_changed", .type = PYRO_TYPE_INTEGER, .help = "A file became a link, …"},
    {.name = "text_patched", .type = PYRO_TYPE_INTEGER, .help = "Those with a text_patch"},
    {.name = "non_text", .type = PYRO_TYPE_INTEGER, .help = "Those without one"},
    {0},
};

static const struct pyro_field entry_fields[] = {
    {.name = "path", .type = PYRO_TYPE_STRING, .help = "Relative to /workspace"},
    {.name = "status",
     .type = PYRO_TYPE_STRING,
     .help = "added, modified, deleted or type_changed"},
    {.name = "artifact_type",
     .type = PYRO_TYPE_STRING,
     .help = "file, directory, symlink or other"},
    {.name = "text_patch",
     .type = PYRO_TYPE_STRING,
     .nullable = true,
     .help = "Unified diff; null for what is not text, or too large"},
    {0},
};

static const struct pyro_field diff_fields[] = {
    WORKSPACE_ID_FIELD,
    {.name = "changed", .type = PYRO_TYPE_BOOLEAN, .help = "Whether anything did"},
    {.name = "summary",
     .type = PYRO_TYPE_OBJECT,
     .members = summary_fields,
     .help = "How many of what"},
    {.name = "entries",
     .type = PYRO_TYPE_OBJECTS,
     .members = entry_fields,
     .help = "What changed, sorted by path"},
    {.name = "patch",
     .type = PYRO_TYPE_STRING,
     .help = "All of it as one unified diff for git apply and patch -p1"},
    {.name = "made_at", .type = PYRO_TYPE_NUMBER, .help = "When it was looked at, epoch seconds"},
    {.name = "is_current",
     .type = PYRO_TYPE_BOOLEAN,
     .help = "false: the guest is gone, and this is the last diff that was made while it ran"},
    {0},
};

static const struct pyro_parameter id_parameters[] = {WORKSPACE_ID_PARAMETER, {0}};

const struct pyro_operation pyro_workspace_diff_operation = {
    .name = "workspace_diff",
    .cli = "workspace diff",
    .output = PYRO_OUTPUT_PATCH,
    .mcp = "workspace_diff",
    .python = "diff_workspace",
    .title = "What changed in a workspace",
    .summary = "Show what changed in /workspace since the workspace was created",
    .description =
        "Compares /workspace with how it was when the workspace was created; that baseline lies on "
        "this host, out of the guest's reach. Prints a unified diff on stdout that git apply and "
        "patch -p1 accept, and on stderr what has no text: binary and large files, links, "
        "permissions.",
    .mcp_description =
        "Use this to see what has changed in /workspace since workspace_create, whoever "
        "changed it. Returns the changed entries and a unified patch that git apply and "
        "patch -p1 accept. Long patches are cut in the middle: look at single files "
        "with workspace_exec, or take them home with workspace_export.",
    .examples = "pyro workspace diff ws-…\n"
                "pyro workspace diff ws-… | git apply",
    .annotations = PYRO_READ_ONLY | PYRO_IDEMPOTENT,
    .parameters = id_parameters,
    .result = diff_fields,
    .handler = pyro_workspace_diff_handler,
};

const struct pyro_operation pyro_workspace_status_operation = {
    .name = "workspace_status",
    .cli = "workspace status",
    .mcp = "workspace_status",
    .python = "status_workspace",
    .title = "Status of a workspace",
    .summary = "Show how a workspace is",
    .description = "Returns the record of a workspace as it is now.",
    .mcp_description =
        "Use this to see how a workspace is: whether it runs, why it does not, its last "
        "command, its services and open shells. It starts nothing.",
    .annotations = PYRO_READ_ONLY | PYRO_IDEMPOTENT,
    .parameters = id_parameters,
    .result = record_fields,
    .handler = pyro_workspace_status_handler,
};

static const struct pyro_field log_fields[] = {
    {.name = "sequence", .type = PYRO_TYPE_INTEGER, .help = "Number of the command, from 1"},
    {.name = "command", .type = PYRO_TYPE_STRING, .help = "As a shell would read it back"},
    {.name = "cwd", .type = PYRO_TYPE_STRING, .help = "Directory it ran in"},
    {.name = "state",
     .type = PYRO_TYPE_STRING,
     .help = "running, exited, or lost: its guest died first"},
    {.name = "exit_code",
     .type = PYRO_TYPE_INTEGER,
     .nullable = true,
     .help = "null while it runs, and when it was lost"},
    {.name = "timed_out", .type = PYRO_TYPE_BOOLEAN, .help = "Whether the time limit ended it"},
    {.name = "started_at", .type = PYRO_TYPE_NUMBER, .help = "Epoch seconds"},
    {.name = "duration_ms",
     .type = PYRO_TYPE_NUMBER,
     .nullable = true,
     .help = "How long it ran; null while it does"},
    STREAM_FIELDS("stdout"),
    STREAM_FIELDS("stderr"),
    {0},
};

static const struct pyro_field logs_fields[] = {
    WORKSPACE_ID_FIELD,
    {.name = "count", .type = PYRO_TYPE_INTEGER, .help = "How many commands"},
    {.name = "entries",
     .type = PYRO_TYPE_OBJECTS,
     .members = log_fields,
     .help = "The commands in their order"},
    {0},
};

const struct pyro_operation pyro_workspace_logs_operation = {
    .name = "workspace_logs",
    .cli = "workspace logs",
    .mcp = "workspace_logs",
    .python = "logs_workspace",
    .title = "History of a workspace",
    .summary = "Show the commands of a workspace and what they wrote",
    .description =
        "Returns every command that was run in a workspace with its output, also when its guest is "
        "gone, until the workspace is deleted.",
    .mcp_description =
        "Use this to see again which commands were run with workspace_exec and what "
        "they wrote, also when the VM is off. Output is cut short when there were many "
        "commands.",
    .annotations = PYRO_READ_ONLY | PYRO_IDEMPOTENT,
    .parameters = id_parameters,
    .result = logs_fields,
    .handler = pyro_workspace_logs_handler,
};

static const struct pyro_field delete_fields[] = {
    WORKSPACE_ID_FIELD,
    {.name = "deleted", .type = PYRO_TYPE_BOOLEAN, .help = "true"},
    {0},
};

const struct pyro_operation pyro_workspace_delete_operation = {
    .name = "workspace_delete",
    .cli = "workspace delete",
    .mcp = "workspace_delete",
    .python = "delete_workspace",
    .title = "Delete a workspace",
    .summary = "End a workspace and remove all of it: guest, files, history",
    .description = "Ends the guest if it runs and removes its disk, its baseline and its history.",
    .mcp_description =
        "Use this when a workspace is not needed any more, and what is worth keeping "
        "has been exported. Ends its VM and removes its files, its baseline and its "
        "history for good.",
    .annotations = PYRO_DESTRUCTIVE | PYRO_IDEMPOTENT,
    .parameters = id_parameters,
    .result = delete_fields,
    .handler = pyro_workspace_delete_handler,
};
