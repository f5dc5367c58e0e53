/* Errors: one table of stable codes, one struct that every failing call fills in.
 *
 * The table drives the exit status of the command, the class in Python and the text in MCP. Names
 * are stable; new ones may be added. docs/REFERENCE.md lists them.
 */
#ifndef PYRO_ERROR_H
#define PYRO_ERROR_H

#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* X(CODE, name, exit status of the command, Python base class)
 * Exit status 2: the caller's words were wrong. 125: pyro could not do it. 130: cancelled. */
#define PYRO_ERROR_TABLE(X)                                                                        \
    X(INVALID_PARAMETER, "invalid_parameter", 2, "ValueError")                                     \
    X(UNKNOWN_OPERATION, "unknown_operation", 2, "ValueError")                                     \
    X(UNKNOWN_ENVIRONMENT, "unknown_environment", 2, "ValueError")                                 \
    X(UNKNOWN_VM, "unknown_vm", 2, "ValueError")                                                   \
    X(WRONG_STATE, "wrong_state", 125, "RuntimeError")                                             \
    X(NOT_ENOUGH_MEMORY, "not_enough_memory", 125, "RuntimeError")                                 \
    X(HOME_UNUSABLE, "home_unusable", 125, "OSError")                                              \
    X(STORE_CORRUPT, "store_corrupt", 125, "RuntimeError")                                         \
    X(STORE_VERSION, "store_version", 125, "RuntimeError")                                         \
    X(STORE_FAILED, "store_failed", 125, "RuntimeError")                                           \
    X(NOT_INSTALLED, "not_installed", 125, "RuntimeError")                                         \
    X(ENVIRONMENT_DAMAGED, "environment_damaged", 125, "RuntimeError")                             \
    X(PULL_FAILED, "pull_failed", 125, "RuntimeError")                                             \
    X(DISK_FULL, "disk_full", 125, "OSError")                                                      \
    X(MISSING_PROGRAM, "missing_program", 125, "FileNotFoundError")                                \
    X(NO_VM, "no_vm", 125, "RuntimeError")                                                         \
    X(BOOT_FAILED, "boot_failed", 125, "RuntimeError")                                             \
    X(BOOT_TIMEOUT, "boot_timeout", 125, "TimeoutError")                                           \
    X(GUEST_FAILED, "guest_failed", 125, "RuntimeError")                                           \
    X(SUPERVISOR_DIED, "supervisor_died", 125, "RuntimeError")                                     \
    X(NETWORK_FAILED, "network_failed", 125, "RuntimeError")                                       \
    X(VM_EXPIRED, "vm_expired", 125, "TimeoutError")                                               \
    X(CANCELLED, "cancelled", 130, "KeyboardInterrupt")                                            \
    X(OUT_OF_MEMORY, "out_of_memory", 125, "MemoryError")                                          \
    X(SYSTEM, "system", 125, "OSError")                                                            \
    X(INTERNAL, "internal", 125, "RuntimeError")                                                   \
    X(UNKNOWN_WORKSPACE, "unknown_workspace", 2, "ValueError")                                     \
    X(TOO_MANY_VMS, "too_many_vms", 125, "RuntimeError")                                           \
    X(WORKSPACE_FAILED, "workspace_failed", 125, "RuntimeError")                                   \
    X(PUSH_INCOMPLETE, "push_incomplete", 125, "RuntimeError")                                     \
    X(SOURCE_CHANGED, "source_changed", 125, "RuntimeError")                                       \
    X(UNKNOWN_SERVICE, "unknown_service", 2, "ValueError")                                         \
    X(UNKNOWN_SHELL, "unknown_shell", 2, "ValueError")                                             \
    X(SERVICE_FAILED, "service_failed", 125, "RuntimeError")                                       \
    X(MODEL_FAILED, "model_failed", 125, "RuntimeError")

enum pyro_error_code {
    PYRO_ERROR_NONE = 0,
#define X(code, name, exit_status, python) PYRO_ERROR_##code,
    PYRO_ERROR_TABLE(X)
#undef X
        PYRO_ERROR_COUNT,
};

/* Owned by the caller, written only on failure. `message` says what was asked and what is wrong,
 * `hint` what to do next (may be empty), `field` names the parameter at fault (may be empty). */
struct pyro_error {
    enum pyro_error_code code;
    int errnum; /* errno that led here, 0 if none */
    char field[64];
    char message[1536];
    char hint[512];
};

#define PYRO_ERROR_INIT                                                                            \
    {                                                                                              \
        .code = PYRO_ERROR_NONE                                                                    \
    }

/* Stable name of a code, "unknown" for one that is out of range. */
const char *pyro_error_name(enum pyro_error_code code);

/* Exit status of the command for a code. */
int pyro_error_exit_status(enum pyro_error_code code);

/* Name of the Python exception that a code also is. */
const char *pyro_error_python_class(enum pyro_error_code code);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
