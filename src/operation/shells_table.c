/* The descriptions of the shell_* operations. What they do is in shells.c and shell_read.c. */
#include "operation/rows.h"
#include "operation/session_support.h"
#include "operation/table.h"

#define SHELL_ID_PARAMETER                                                                         \
    {                                                                                              \
        .name = "shell_id", .type = PYRO_TYPE_STRING, .required = true, .positional = true,        \
        .help = "Id of the shell, as shell open told it"                                           \
    }

#define SHELL_FIELDS                                                                               \
    WORKSPACE_ID_FIELD, {.name = "shell_id", .type = PYRO_TYPE_STRING, .help = "Id of the shell"}, \
        {.name = "state", .type = PYRO_TYPE_STRING, .help = "running or stopped"},                 \
        {.name = "cwd", .type = PYRO_TYPE_STRING, .help = "Directory it was opened in"},           \
        {.name = "cols", .type = PYRO_TYPE_INTEGER, .help = "Width of its terminal"},              \
        {.name = "rows", .type = PYRO_TYPE_INTEGER, .help = "Height of its terminal"},             \
        {.name = "pid",                                                                            \
         .type = PYRO_TYPE_INTEGER,                                                                \
         .nullable = true,                                                                         \
         .help = "Its process in the guest"},                                                      \
        {.name = "started_at", .type = PYRO_TYPE_NUMBER, .help = "Epoch seconds"},                 \
        {.name = "ended_at",                                                                       \
         .type = PYRO_TYPE_NUMBER,                                                                 \
         .nullable = true,                                                                         \
         .help = "Epoch seconds; null while it runs, and when nobody saw its end"},                \
    {                                                                                              \
        .name = "exit_code", .type = PYRO_TYPE_INTEGER, .nullable = true,                          \
        .help = "128+N for signal N; null while it runs, and when its guest ended first"           \
    }

#define TERMINAL_SIZE_PARAMETER(name_, fallback_, required_, text)                                 \
    {                                                                                              \
        .name = name_, .type = PYRO_TYPE_INTEGER, .required = required_, .fallback = fallback_,    \
        .minimum = 1, .maximum = 4096, .help = text                                                \
    }

static const struct pyro_field shell_fields[] = {SHELL_FIELDS, {0}};

static const struct pyro_parameter open_parameters[] = {
    WORKSPACE_ID_PARAMETER,
    {.name = "cwd",
     .type = PYRO_TYPE_STRING,
     .fallback = "\"/workspace\"",
     .help = "Directory of the guest to open it in; relative ones are below /workspace"},
    TERMINAL_SIZE_PARAMETER("cols", "120", false, "Width of its terminal in characters"),
    TERMINAL_SIZE_PARAMETER("rows", "30", false, "Height of its terminal in lines"),
    {.name = "scrollback_bytes",
     .type = PYRO_TYPE_INTEGER,
     .fallback = "4194304",
     .minimum = 1048576,
     .maximum = 1073741824,
     .help = "How much of what it shows is kept at least"},
    {0},
};

const struct pyro_operation pyro_shell_open_operation = {
    .name = "shell_open",
    .cli = "workspace shell open",
    .mcp = "shell_open",
    .python = "open_shell",
    .title = "Open a shell",
    .summary = "Open a terminal with a login shell that stays",
    .description =
        "Opens a terminal in a workspace with bash in it, or sh where there is no bash. It keeps "
        "its state from one call to the next and needs no client: write to it, read what it shows, "
        "or attach to it. Many can be open at once. TERM is xterm-256color.",
    .mcp_description =
        "Use this for programs that need a terminal or answers while they run, such as "
        "debuggers and REPLs, and where cd and variables have to last. Opens a login "
        "shell in a workspace and returns its shell_id: type with shell_write, read "
        "with shell_read. It stays until shell_close or the end of the VM. For plain "
        "commands workspace_exec is simpler.",
    .examples = "pyro workspace shell open ws-…\n"
                "pyro workspace shell open ws-… --cwd src --cols 80 --rows 24",
    .annotations = PYRO_OPEN_WORLD,
    .parameters = open_parameters,
    .result = shell_fields,
    .handler = pyro_shell_open_handler,
};

static const struct pyro_parameter read_parameters[] = {
    WORKSPACE_ID_PARAMETER,
    SHELL_ID_PARAMETER,
    {.name = "cursor",
     .type = PYRO_TYPE_INTEGER,
     .fallback = "0",
     .minimum = 0,
     .maximum = INT64_MAX,
     .help = "Where to begin, in characters: the next_cursor of the read before; 0: the oldest "
             "that is kept"},
    {.name = "max_chars",
     .type = PYRO_TYPE_INTEGER,
     .fallback = "65536",
     .minimum = 1,
     .maximum = 16777216,
     .help = "How many characters at most"},
    {.name = "plain",
     .type = PYRO_TYPE_BOOLEAN,
     .fallback = "false",
     .help = "Leave out colours and whatever else only a terminal understands; a place on the "
             "screen begins a line, one further in it is a blank"},
    {.name = "wait_ms",
     .type = PYRO_TYPE_INTEGER,
     .fallback = "0",
     .minimum = 0,
     .maximum = 86400000,
     .help = "If there is nothing new yet, wait for it, so long at most"},
    {.name = "wait_for_idle_ms",
     .type = PYRO_TYPE_INTEGER,
     .fallback = "0",
     .minimum = 0,
     .maximum = 3600000,
     .help = "Wait until nothing new has come for so long; wait_ms, or else 10 s, is the most"},
    {0},
};

static const struct pyro_field read_fields[] = {
    SHELL_FIELDS,
    {.name = "output", .type = PYRO_TYPE_STRING, .help = "What the terminal showed"},
    {.name = "cursor",
     .type = PYRO_TYPE_INTEGER,
     .help = "Where it begins: as it was given, or later if that is not kept any more"},
    {.name = "next_cursor", .type = PYRO_TYPE_INTEGER, .help = "Where the next read begins"},
    {.name = "end_cursor", .type = PYRO_TYPE_INTEGER, .help = "Where what there is ends now"},
    {.name = "lost_chars",
     .type = PYRO_TYPE_INTEGER,
     .help = "How many characters between the cursor that was given and `cursor` are not kept any "
             "more"},
    {.name = "truncated",
     .type = PYRO_TYPE_BOOLEAN,
     .help = "Whether some are lost, or there are more than this read returns"},
    {0},
};

const struct pyro_operation pyro_shell_read_operation = {
    .name = "shell_read",
    .cli = "workspace shell read",
    .output = PYRO_OUTPUT_KEPT,
    .mcp = "shell_read",
    .python = "read_shell",
    .title = "Read a shell",
    .summary = "Show what a shell's terminal showed, from a cursor on",
    .description =
        "Returns what the terminal of a shell showed. Reading takes nothing away: every reader has "
        "a cursor of its own. It can wait until something new comes, and until that has settled. A "
        "shell that has ended can be read as long as its workspace is there.",
    .mcp_description =
        "Use this to see what a shell's terminal shows, after shell_write or while a "
        "program runs. Begin at the next_cursor of the read before; wait_for_idle_ms "
        "(for example 300) waits until the output has settled, and plain leaves out "
        "colours and control sequences. What is more than fits into one answer comes with the next "
        "read: truncated says so. Reading takes nothing away.",
    .examples = "pyro workspace shell read ws-… sh-1 --plain --wait-for-idle-ms 300\n"
                "pyro workspace shell read ws-… sh-1 --cursor 1234 --wait-ms 10000 --json",
    .annotations = PYRO_READ_ONLY | PYRO_IDEMPOTENT,
    .parameters = read_parameters,
    .result = read_fields,
    .handler = pyro_shell_read_handler,
};

static const struct pyro_parameter write_parameters[] = {
    WORKSPACE_ID_PARAMETER,
    SHELL_ID_PARAMETER,
    {.name = "input",
     .type = PYRO_TYPE_BYTES,
     .help = "What to type; on the command line, without it, what is redirected to stdin"},
    {.name = "append_newline",
     .flag = "no-newline",
     .type = PYRO_TYPE_BOOLEAN,
     .fallback = "true",
     .help = "Type a newline behind it",
     .flag_help = "Do not type a newline behind it"},
    {0},
};

static const struct pyro_field write_fields[] = {
    SHELL_FIELDS,
    {.name = "input_length",
     .type = PYRO_TYPE_INTEGER,
     .help = "Bytes that were typed, without the newline"},
    {.name = "append_newline", .type = PYRO_TYPE_BOOLEAN, .help = "Whether one was added"},
    {0},
};

const struct pyro_operation pyro_shell_write_operation = {
    .name = "shell_write",
    .cli = "workspace shell write",
    .reads_stdin = true,
    .mcp = "shell_write",
    .python = "write_shell",
    .title = "Type into a shell",
    .summary = "Type into the terminal of a shell",
    .description =
        "Types text into the terminal of a shell, as a person would. It returns at once; what the "
        "shell does not read yet waits, up to 4 MiB. Control characters are keys: 3 is Ctrl-C, 4 "
        "Ctrl-D ($'\\003' in bash, \\u0003 in JSON). Editors, menus and whatever else reads single "
        "keys takes Enter as a carriage return: \\r, without the newline. A program that reads "
        "lines from its terminal gets at most 4095 bytes of each: longer input belongs into a "
        "file.",
    .mcp_description =
        "Use this to type into a shell, as a person would; append_newline presses Enter "
        "behind it. Returns at once: see what came of it with shell_read. Control "
        "characters are keys: \\u0003 is Ctrl-C, \\u0004 Ctrl-D. Editors and menus take Enter "
        "as \\r, without append_newline.",
    .examples = "pyro workspace shell write ws-… sh-1 --input 'make -j4'\n"
                "pyro workspace shell write ws-… sh-1 --input $'\\003' --no-newline",
    .annotations = PYRO_DESTRUCTIVE | PYRO_OPEN_WORLD,
    .parameters = write_parameters,
    .result = write_fields,
    .handler = pyro_shell_write_handler,
};

static const char *const signal_names[] = {"HUP", "INT", "TERM", "KILL", NULL};

static const struct pyro_parameter signal_parameters[] = {
    WORKSPACE_ID_PARAMETER,
    SHELL_ID_PARAMETER,
    {.name = "signal_name",
     .flag = "signal",
     .type = PYRO_TYPE_STRING,
     .fallback = "\"INT\"",
     .choices = signal_names,
     .help = "The signal"},
    {0},
};

static const struct pyro_field signal_fields[] = {
    SHELL_FIELDS,
    {.name = "signal", .type = PYRO_TYPE_STRING, .help = "The signal that was sent"},
    {0},
};

const struct pyro_operation pyro_shell_signal_operation = {
    .name = "shell_signal",
    .cli = "workspace shell signal",
    .mcp = "shell_signal",
    .python = "signal_shell",
    .title = "Signal a shell's program",
    .summary = "Send a signal to the program in a shell's foreground",
    .description = "Sends a signal to the foreground process group of a shell's terminal: the "
                   "program that runs in it, or the shell itself when there is none.",
    .mcp_description = "Use this to interrupt or end the program that runs in a shell's foreground "
                       "when keys do not help. Without such a program the shell itself gets the "
                       "signal.",
    .annotations = PYRO_DESTRUCTIVE,
    .parameters = signal_parameters,
    .result = signal_fields,
    .handler = pyro_shell_signal_handler,
};

static const struct pyro_parameter resize_parameters[] = {
    WORKSPACE_ID_PARAMETER,
    SHELL_ID_PARAMETER,
    TERMINAL_SIZE_PARAMETER("cols", NULL, true, "Width of its terminal in characters"),
    TERMINAL_SIZE_PARAMETER("rows", NULL, true, "Height of its terminal in lines"),
    {0},
};

const struct pyro_operation pyro_shell_resize_operation = {
    .name = "shell_resize",
    .cli = "workspace shell resize",
    .python = "resize_shell",
    .title = "Resize a shell",
    .summary = "Change the size of a shell's terminal",
    .description = "Changes the size of a shell's terminal; its programs are told (SIGWINCH).",
    .annotations = PYRO_IDEMPOTENT,
    .parameters = resize_parameters,
    .result = shell_fields,
    .handler = pyro_shell_resize_handler,
};

static const struct pyro_parameter id_parameters[] = {
    WORKSPACE_ID_PARAMETER,
    SHELL_ID_PARAMETER,
    {0},
};

static const struct pyro_field close_fields[] = {
    SHELL_FIELDS,
    {.name = "closed", .type = PYRO_TYPE_BOOLEAN, .help = "true"},
    {0},
};

const struct pyro_operation pyro_shell_close_operation = {
    .name = "shell_close",
    .cli = "workspace shell close",
    .mcp = "shell_close",
    .python = "close_shell",
    .title = "Close a shell",
    .summary = "End a shell and all it has started",
    .description = "Hangs up the terminal of a shell, kills what ignores that, and returns when "
                   "nothing of it runs. What it showed can still be read. One that has ended "
                   "already stays as it is, which is no error.",
    .mcp_description =
        "Use this when a shell is not needed any more. Ends it and all that it has "
        "started; what it showed can still be read. One that has ended already stays as "
        "it is, which is no error.",
    .annotations = PYRO_DESTRUCTIVE | PYRO_IDEMPOTENT,
    .parameters = id_parameters,
    .result = close_fields,
    .handler = pyro_shell_close_handler,
};

const struct pyro_operation pyro_shell_attach_operation = {
    .name = "shell_attach",
    .cli = "workspace shell attach",
    .title = "Attach to a shell",
    .summary = "Use a shell from this terminal, until Ctrl-] is typed",
    .description = "Connects this terminal to the one of a shell, which takes its size. Ctrl-] "
                   "leaves; the shell goes on.",
    .annotations = 0,
    .parameters = id_parameters,
    .result = shell_fields,
};
