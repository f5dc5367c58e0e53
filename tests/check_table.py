#!/usr/bin/env python3
"""Checks the operation table against the public contract (docs/CONTRACT.md), and against what stands here: names in
every front, parameters, defaults, results, on which users may rely too, written down a second time on purpose.

    tests/check_table.py    PYRO_TEST_BUILD names the directory with `pyro` (default: build)
"""

import json
import os
import pathlib
import subprocess
import sys

import contract

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = pathlib.Path(os.environ.get("PYRO_TEST_BUILD", ROOT / "build")) / "pyro"

# operation: (command, MCP tool, Python method)
NAMES = {
    "env_list": ("env list", "vm_list_environments", "list_environments"),
    "env_pull": ("env pull", None, "pull_environment"),
    "env_inspect": ("env inspect", None, "inspect_environment"),
    "env_prune": ("env prune", None, "prune_environments"),
    "vm_run": ("run", "vm_run", "run_in_vm"),
    "vm_create": (None, "vm_create", "create_vm"),
    "vm_start": (None, "vm_start", "start_vm"),
    "vm_exec": (None, "vm_exec", "exec_vm"),
    "vm_stop": (None, "vm_stop", "stop_vm"),
    "vm_delete": (None, "vm_delete", "delete_vm"),
    "vm_status": (None, "vm_status", "status_vm"),
    "vm_network_info": (None, "vm_network_info", "network_info_vm"),
    "vm_reap_expired": (None, "vm_reap_expired", "reap_expired"),
    "doctor": ("doctor", None, None),
    "mcp_serve": ("mcp serve", None, None),
    "mcp_config": ("mcp config", None, None),
    "demo": ("demo", None, None),
    "demo_ollama": ("demo ollama", None, None),
    "workspace_create": ("workspace create", "workspace_create", "create_workspace"),
    "workspace_sync_push": ("workspace sync push", "workspace_sync_push", "push_workspace_sync"),
    "workspace_exec": ("workspace exec", "workspace_exec", "exec_workspace"),
    "workspace_export": ("workspace export", "workspace_export", "export_workspace"),
    "workspace_diff": ("workspace diff", "workspace_diff", "diff_workspace"),
    "workspace_status": ("workspace status", "workspace_status", "status_workspace"),
    "workspace_logs": ("workspace logs", "workspace_logs", "logs_workspace"),
    "workspace_delete": ("workspace delete", "workspace_delete", "delete_workspace"),
    "service_start": ("workspace service start", "service_start", "start_service"),
    "service_list": ("workspace service list", "service_list", "list_services"),
    "service_status": ("workspace service status", "service_status", "status_service"),
    "service_logs": ("workspace service logs", "service_logs", "logs_service"),
    "service_stop": ("workspace service stop", "service_stop", "stop_service"),
    "shell_open": ("workspace shell open", "shell_open", "open_shell"),
    "shell_read": ("workspace shell read", "shell_read", "read_shell"),
    "shell_write": ("workspace shell write", "shell_write", "write_shell"),
    "shell_signal": ("workspace shell signal", "shell_signal", "signal_shell"),
    "shell_resize": ("workspace shell resize", None, "resize_shell"),
    "shell_close": ("workspace shell close", "shell_close", "close_shell"),
    "shell_attach": ("workspace shell attach", None, None),
}
# where the flag is not the parameter's name; of a parameter with variants, all their flags
FLAGS = {
    "output_path": "--output", "signal_name": "--signal", "append_newline": "--no-newline",
    "readiness": "--ready-file --ready-tcp --ready-http --ready-command",
}  # fmt: skip

SHAPE = {
    "environment": ...,
    "vcpu_count": 1,
    "mem_mib": 1024,
    "network": False,
    "allow_host_compat": False,
}
ID = {"vm_id": ...}
WORKSPACE_ID = {"workspace_id": ...}
SERVICE = {**WORKSPACE_ID, "service_name": ...}
SHELL = {**WORKSPACE_ID, "shell_id": ...}
# operation: {parameter: default}; ... means required
PARAMETERS = {
    "env_list": {},
    "env_pull": {"environment": ...},
    "env_inspect": {"environment": ...},
    "env_prune": {},
    "vm_run": {**SHAPE, "timeout_seconds": 300, "ttl_seconds": None, "command": ...},
    "vm_create": {**SHAPE, "ttl_seconds": 600},
    "vm_start": ID,
    "vm_exec": {**ID, "command": ..., "timeout_seconds": 30},
    "vm_stop": ID,
    "vm_delete": ID,
    "vm_status": ID,
    "vm_network_info": ID,
    "vm_reap_expired": {},
    "doctor": {},
    "mcp_serve": {"tools": "all", "allow_host_compat": False, "allow_path": None, "http": None, "token_file": None,
                  "spare_seconds": 600},  # fmt: skip
    "demo": {"environment": "debian:12"},
    "demo_ollama": {
        "base_url": "http://127.0.0.1:11434", "model": None, "timeout_seconds": 300,
        "prompt": "Run uname -sr in a fresh debian:12 machine with the vm_run function, then tell me in one sentence "
                  "which kernel answered.",
    },
    "mcp_config": {"client": ..., "tools": "all", "allow_host_compat": False, "allow_path": None},
    "workspace_create": {**SHAPE, "ttl_seconds": 86400, "seed_path": None},
    "workspace_sync_push": {**WORKSPACE_ID, "source_path": ..., "dest": "/workspace"},
    "workspace_exec": {**WORKSPACE_ID, "command": ..., "timeout_seconds": 30},
    "workspace_export": {**WORKSPACE_ID, "path": ..., "output_path": ..., "force": False},
    "workspace_diff": WORKSPACE_ID,
    "workspace_status": WORKSPACE_ID,
    "workspace_logs": WORKSPACE_ID,
    "workspace_delete": WORKSPACE_ID,
    "service_start": {
        **SERVICE, "command": ..., "cwd": "/workspace", "readiness": None, "ready_timeout_seconds": 30,
        "ready_interval_ms": 500,
    },
    "service_list": WORKSPACE_ID,
    "service_status": SERVICE,
    "service_logs": {**SERVICE, "tail_lines": 200, "all": False, "follow": False},
    "service_stop": {**SERVICE, "grace_seconds": 10},
    "shell_open": {**WORKSPACE_ID, "cwd": "/workspace", "cols": 120, "rows": 30, "scrollback_bytes": 4194304},
    "shell_read": {
        **SHELL, "cursor": 0, "max_chars": 65536, "plain": False, "wait_ms": 0, "wait_for_idle_ms": 0,
    },
    "shell_write": {**SHELL, "input": None, "append_newline": True},
    "shell_signal": {**SHELL, "signal_name": "INT"},
    "shell_resize": {**SHELL, "cols": ..., "rows": ...},
    "shell_close": SHELL,
    "shell_attach": SHELL,
}  # fmt: skip

ENTRY = """name version description platform distribution distribution_version default_packages source
    installed"""
INSTALLED = """install_dir kernel_image rootfs_image rootfs_digest rootfs_bytes disk_usage_bytes
    kernel_version package_count installed_at templates"""
ISOLATION = "execution_mode accelerator isolation boot_ms boot_kind"
RECORD = f"""vm_id environment state vcpu_count mem_mib ttl_seconds created_at expires_at
    network_enabled allow_host_compat {ISOLATION}"""
EXEC = f"""command exit_code stdout stderr stdout_truncated stderr_truncated stdout_bytes stderr_bytes
    stdout_path stderr_path duration_ms timed_out environment vm_id {ISOLATION} cleanup"""
WORKSPACE = f"""workspace_id workspace_path workspace_seed command_count last_command service_count
    running_service_count {RECORD}"""
SERVICE_RECORD = """workspace_id service_name state command cwd pid exit_code started_at ready_at ended_at
    readiness stop_reason"""
SHELL_RECORD = "workspace_id shell_id state cwd cols rows started_at ended_at exit_code"
RESULTS = {
    "env_list": "catalog_version environments",
    "env_pull": f"{ENTRY} {INSTALLED}",
    "env_inspect": f"{ENTRY} {INSTALLED}",
    "env_prune": "deleted count freed_bytes",
    "vm_run": EXEC,
    "vm_exec": EXEC,
    "vm_create": RECORD,
    "vm_start": RECORD,
    "vm_stop": RECORD,
    "vm_status": RECORD,
    "vm_delete": "vm_id deleted",
    "vm_network_info": "vm_id network_enabled guest_ip gateway dns mac backend",
    "vm_reap_expired": "reaped_vm_ids count",
    "mcp_serve": "",
    "demo": "environment workspace_id host_kernel guest_kernel isolation steps duration_ms deleted",
    "demo_ollama": "model base_url round_count call_count failed_call_count last_exit_code calls answer duration_ms",
    "mcp_config": "client format file command env snippet",
    "doctor": "ok checks accelerator accelerator_reason isolation qemu_version home environments",
    "workspace_create": WORKSPACE,
    "workspace_status": WORKSPACE,
    "workspace_sync_push": "workspace_id execution_mode workspace_sync",
    "workspace_exec": "workspace_id sequence cwd " + EXEC.replace("cleanup", ""),
    "workspace_export": "workspace_id workspace_path output_path artifact_type entry_count bytes_written",
    "workspace_diff": "workspace_id changed summary entries patch",
    "workspace_logs": "workspace_id count entries",
    "workspace_delete": "workspace_id deleted",
    "service_start": SERVICE_RECORD,
    "service_list": "workspace_id count running_count services",
    "service_status": SERVICE_RECORD,
    "service_logs": f"{SERVICE_RECORD} stdout stderr tail_lines truncated",
    "service_stop": SERVICE_RECORD,
    "shell_open": SHELL_RECORD,
    "shell_read": f"{SHELL_RECORD} output cursor next_cursor truncated",
    "shell_write": f"{SHELL_RECORD} input_length append_newline",
    "shell_signal": f"{SHELL_RECORD} signal",
    "shell_resize": SHELL_RECORD,
    "shell_close": f"{SHELL_RECORD} closed",
    "shell_attach": SHELL_RECORD,
}

problems = []


def expect(what, got, wanted):
    if got != wanted:
        problems.append(f"{what}: {got!r}, wanted {wanted!r}")


def flag_of(parameter):
    return parameter["flag"] or " ".join(v["flag"] for v in parameter["variants"])


def wanted_flag(parameter):
    no = "no-" if parameter["type"] == "boolean" and parameter["default"] is True else ""
    name = parameter["name"]
    return FLAGS.get(name, f"--{no}{name.replace('_', '-')}")


def check_operation(name, operation):
    fronts = tuple(operation[front] for front in ("cli", "mcp", "python"))
    expect(f"{name}: names", fronts, NAMES[name])
    parameters = {p["name"]: ... if p["required"] else p["default"] for p in operation["parameters"]}
    expect(f"{name}: parameters", parameters, PARAMETERS[name])
    fields = {field["name"] for field in operation["result"]}
    expect(f"{name}: missing in the result", set(RESULTS[name].split()) - fields, set())
    for parameter in operation["parameters"]:
        if not parameter["positional"] and not parameter["rest"]:
            what = f"{name}: flag of {parameter['name']}"
            expect(what, flag_of(parameter), wanted_flag(parameter))


def check_contract(operations):
    """Names and defaults; the contract's methods are held by tests/python/test_signatures.py, parameter by parameter."""
    named = {front: {o[front]: o for o in operations.values() if o[front]} for front in ("cli", "mcp", "python")}
    expect("commands missing", set(contract.commands()) - named["cli"].keys(), set())
    expect("tools", sorted(named["mcp"]), sorted(contract.tools()))
    methods = {method.split("(")[0] for method in contract.methods()} - {"create_server"}
    expect("methods missing", methods - named["python"].keys(), set())
    for section, front in (("Python SDK Contract", "python"), ("MCP Contract", "mcp")):
        wanted = contract.defaults(section)
        expect(f"{section}: what has defaults", len(wanted), 3)
        for name, values in wanted.items():
            found = {p["name"]: p["default"] for p in named[front][name]["parameters"]}
            expect(f"{name}: defaults", {key: found.get(key) for key in values}, values)
    run = named["cli"]["run"]["parameters"]
    flags = {p["flag"] for p in run if not p["positional"] and not p["rest"]}
    expect("pyro run: flags", flags | {"--json"}, set(contract.run_flags()))
    expect("pyro run: positionals", [p["name"] for p in run if p["positional"]], ["environment"])


def main():
    output = subprocess.run([PROGRAM, "help", "--json"], capture_output=True, check=True).stdout
    operations = {operation["name"]: operation for operation in json.loads(output)["operations"]}
    expect("operations", sorted(operations), sorted(NAMES))
    for name in sorted(operations.keys() & NAMES.keys()):
        check_operation(name, operations[name])
    check_contract(operations)
    print("\n".join(problems) or f"table: {len(operations)} operations as the contract has them")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
