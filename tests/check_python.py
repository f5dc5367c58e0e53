#!/usr/bin/env python3
"""The Python package's methods and types say what the operation table says.

    tests/check_python.py            fails when they do not
    tests/check_python.py --write    writes them anew
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = pathlib.Path(os.environ.get("PYRO_TEST_BUILD", ROOT / "build")) / "pyro"
PACKAGE = ROOT / "python" / "pyro_mcp"
WIDTH = 118

# What results are called, and what is in them. A shape that came before has its name already.
NAMES = {
    "vm_run": "CommandResult", "vm_run/cleanup": "Cleanup",
    "workspace_create": "WorkspaceRecord", "workspace_create/workspace_seed": "WorkspaceSeed",
    "workspace_create/last_command": "LastCommand",
    "workspace_sync_push": "WorkspaceSyncPush", "workspace_sync_push/workspace_sync": "WorkspaceSync",
    "workspace_exec": "WorkspaceCommandResult",
    "workspace_export": "WorkspaceExport", "workspace_export/skipped": "SkippedEntry",
    "workspace_diff": "WorkspaceDiff", "workspace_diff/summary": "DiffSummary", "workspace_diff/entries": "DiffEntry",
    "workspace_logs": "WorkspaceLogs", "workspace_logs/entries": "LogEntry",
    "workspace_delete": "WorkspaceDeleted",
    "service_start": "ServiceRecord", "service_list": "ServiceList", "service_logs": "ServiceLogs",
    "service_stop": "StoppedService",
    "shell_open": "ShellRecord", "shell_read": "ShellOutput", "shell_write": "ShellInput", "shell_signal": "ShellSignal",
    "shell_close": "ClosedShell",
    "env_list": "EnvironmentList", "env_list/environments": "CatalogEntry",
    "env_pull": "Environment", "env_pull/templates": "Template",
    "env_prune": "Pruned", "env_prune/deleted": "PrunedItem",
    "vm_create": "VMRecord", "vm_delete": "VMDeleted", "vm_network_info": "NetworkInfo", "vm_reap_expired": "Reaped",
}  # fmt: skip
TYPES = {
    "string": "str", "integer": "int", "number": "float", "boolean": "bool", "command": "str | list[str]",
    "strings": "list[str]", "object": "dict[str, Any]", "objects": "list[dict[str, Any]]",
}  # fmt: skip
# As parameters: what they may be given as.
GIVEN = {**TYPES, "command": "str | Sequence[str]", "strings": "Sequence[str]"}
PATHS = {"source_path", "seed_path", "output_path"}
POSITIONAL = {"environment", "vm_id", "workspace_id", "source_path", "path", "service_name", "shell_id"}
# The command line may read it from stdin instead; from Python it must be given.
REQUIRED = {"input"}
STREAMING = {"vm_run", "vm_exec", "workspace_exec"}
ON_OUTPUT = 'called with "stdout" or "stderr" and the bytes, as the command writes them; what it raises cancels the call'
READINESS = "Readiness"
HEAD = "Written by tests/check_python.py --write from the operation table; do not edit."


class Types:
    """The TypedDicts, each shape once."""

    def __init__(self, operations):
        self.names, self.text = {}, []
        for operation in operations:
            self.add(operation["name"], operation["result"])

    def add(self, place, fields):
        shape = json.dumps(fields, sort_keys=True)
        if shape in self.names:
            return self.names[shape]
        name = self.names[shape] = NAMES[place]
        lines = [f"class {name}(TypedDict):"]
        for field in fields:
            kind = TYPES[field["type"]]
            if field["members"]:
                inner = self.add(f"{place}/{field['name']}", field["members"])
                kind = f"list[{inner}]" if field["type"] == "objects" else inner
            elif field["name"] == "readiness":
                kind = READINESS
            lines.append(f"    {field['name']}: {kind}{' | None' if field['nullable'] else ''}")
            lines += textwrap.wrap(field["help"] + ".", WIDTH, initial_indent='    """', subsequent_indent="    ")
            lines[-1] += '"""'
        self.text.append("\n".join(lines))
        return name

    def of(self, operation):
        return self.names[json.dumps(operation["result"], sort_keys=True)]


def variants_text(operations):
    """One TypedDict per form of a readiness probe."""
    variants = next(p["variants"] for o in operations for p in o["parameters"] if p["variants"])
    parts = []
    for variant in variants:
        name = f"{variant['type'].capitalize()}Readiness"
        parts.append(f'class {name}(TypedDict):\n    """{variant["help"]}."""\n\n'
                     f'    type: Literal["{variant["type"]}"]\n    {variant["member"]}: str')  # fmt: skip
    union = " | ".join(f"{v['type'].capitalize()}Readiness" for v in variants)
    return parts + [f"{READINESS} = {union}"]


PROGRESS = '''class Progress(TypedDict):
    """What `on_progress` is called with: one step of long work."""

    operation: str
    """pull, boot, push; or notice: something to be told in any case."""
    phase: str
    """One word, stable: packages, image, kernel, …"""
    message: str
    """For people, one line."""
    done: int
    """Of total, in bytes unless the message says otherwise."""
    total: int | None
    """None: unknown."""'''


def types_page(operations, types):
    head = (f'"""The shapes of what methods take and return. {HEAD}\n\n'
            'Times are epoch seconds, durations milliseconds, sizes bytes; the unit ends the name."""\n\n'
            "from __future__ import annotations\n\nfrom typing import Any, Literal, TypedDict\n")  # fmt: skip
    return head + "\n\n" + "\n\n\n".join([PROGRESS, *variants_text(operations), *types.text]) + "\n"


def annotation(parameter):
    kind = f"shapes.{READINESS}" if parameter["variants"] else GIVEN[parameter["type"]]
    if parameter["name"] in PATHS:
        kind = "str | os.PathLike[str]"
    return kind


def written(parameter):
    """As it stands in the signature."""
    name, kind = parameter["name"], annotation(parameter)
    if parameter["required"] or name in REQUIRED:
        return f"{name}: {kind}"
    if parameter["default"] is None:
        return f"{name}: {kind} | None = None"
    default = json.dumps(parameter["default"]) if isinstance(parameter["default"], str) else parameter["default"]
    return f"{name}: {kind} = {default}"


def parameters_of(operation):
    """Those before and those after the star."""
    given = [p for p in operation["parameters"] if not p["command_line"]]
    given.sort(key=lambda p: not (p["required"] or p["name"] in REQUIRED))
    return ([p for p in given if p["name"] in POSITIONAL and p["required"]],
            [p for p in given if not (p["name"] in POSITIONAL and p["required"])])  # fmt: skip


def limits(parameter):
    words = []
    if parameter["minimum"] is not None:
        top = parameter["maximum"]
        words.append(f"{parameter['minimum']} to {top}" if top is not None else f"at least {parameter['minimum']}")
    if parameter["choices"]:
        words.append(", ".join(parameter["choices"]))
    return f" ({'; '.join(words)})" if words else ""


# The errors that say something of an operation, beside those that every call may raise.
STARTING = "no_vm not_enough_memory too_many_vms boot_failed boot_timeout network_failed missing_program disk_full"
MAKING = f"unknown_environment pull_failed {STARTING}"
WORKING = "guest_failed supervisor_died"
RUNNING = f"unknown_workspace workspace_failed wrong_state {WORKING}"
RAISED = {
    "env_list": "", "env_prune": "", "env_inspect": "unknown_environment",
    "env_pull": "unknown_environment pull_failed disk_full missing_program",
    "vm_run": f"{MAKING} {WORKING} vm_expired", "vm_create": MAKING, "vm_start": f"unknown_vm wrong_state vm_expired {STARTING}",
    "vm_exec": f"unknown_vm wrong_state vm_expired {WORKING}", "vm_stop": "unknown_vm wrong_state", "vm_delete": "unknown_vm wrong_state",
    "vm_status": "unknown_vm", "vm_network_info": "unknown_vm", "vm_reap_expired": "",
    "workspace_create": f"{MAKING} {WORKING} source_changed push_incomplete", "workspace_exec": f"unknown_workspace workspace_failed {STARTING} {WORKING}",
    "workspace_sync_push": f"{RUNNING} source_changed push_incomplete", "workspace_export": RUNNING, "workspace_diff": RUNNING,
    "workspace_status": "unknown_workspace", "workspace_logs": "unknown_workspace", "workspace_delete": "unknown_workspace",
    "service_start": f"{RUNNING} service_failed", "service_list": "unknown_workspace",
    "service_status": "unknown_workspace unknown_service", "service_logs": "unknown_workspace unknown_service",
    "service_stop": "unknown_workspace unknown_service wrong_state",
    "shell_open": RUNNING, "shell_read": "unknown_workspace unknown_shell", "shell_write": "unknown_workspace unknown_shell wrong_state",
    "shell_signal": "unknown_workspace unknown_shell wrong_state", "shell_resize": "unknown_workspace unknown_shell wrong_state",
    "shell_close": "unknown_workspace unknown_shell",
}  # fmt: skip
CLASSES = dict(re.findall(r'X\(\w+, "(\w+)", \d+,\s*"(\w+)"\)', (ROOT / "include/pyro/error.h").read_text()))


def raises(operation, parameters):
    """By the built-in class, the commonest first."""
    codes = {}
    for code in ["invalid_parameter", *RAISED[operation["name"]].split()]:
        codes.setdefault(CLASSES[code], []).append(code)
    if any(p["name"] in ("seed_path", "source_path") for p in parameters):
        codes.setdefault("FileNotFoundError", []).append("invalid_parameter for a path that is not there")
    told = "; ".join(f"{name}: {', '.join(dict.fromkeys(names))}" for name, names in codes.items())
    return f"Raises PyroError, which is also a {told}."


def docstring(operation, parameters, returns):
    def wrap(text, first="        ", rest="        "):
        return "\n".join(textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest))

    parts = [f'        """{operation["summary"]}.', wrap(operation["description"])]
    told = [(p["name"], p["help"] + limits(p)) for p in parameters]
    told += [("on_output", ON_OUTPUT)] if operation["name"] in STREAMING else []
    if told:
        parts.append("\n".join(wrap(f"{name}: {text}", rest=" " * 12) for name, text in told))
    parts.append(wrap(f"Returns {returns} (pyro_mcp.types). {raises(operation, parameters)}") + '\n        """')
    return "\n\n".join(parts)


def signature(operation, start, returns):
    positional, keywords = parameters_of(operation)
    words = ["self", *map(written, positional)]
    keywords = [*map(written, keywords)]
    keywords += ["on_output: OnOutput | None = None"] if operation["name"] in STREAMING else []
    words += ["*", *keywords] if keywords else []
    line = f"    {start} {operation['python']}({', '.join(words)}) -> {returns}:"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"    {start} {operation['python']}(", *(f"        {word}," for word in words),
                      f"    ) -> {returns}:"])  # fmt: skip


def method(operation, types, is_async):
    listed = operation["name"] == "env_list"
    shape = f"shapes.{types.of(operation)}"
    returns = "list[shapes.CatalogEntry]" if listed else shape
    parameters = [p for part in parameters_of(operation) for p in part]
    given = ", ".join(f'"{p["name"]}": {p["name"]}' for p in parameters)
    output = ", on_output" if operation["name"] in STREAMING else ""
    await_ = "await " if is_async else ""
    call = f'{await_}self._call("{operation["name"]}", {{{given}}}{output})'
    if len(call) > WIDTH - 22:
        inner = "".join(f'                "{p["name"]}": {p["name"]},\n' for p in parameters)
        tail = "            on_output,\n" if output else ""
        call = f'{await_}self._call(\n            "{operation["name"]}",\n            {{\n{inner}            }},\n{tail}        )'
    body = f"        result: {shape} = {call}\n        return result"
    return "\n".join([f'    @operation("{operation["name"]}")',
                      signature(operation, "async def" if is_async else "def", returns),
                      docstring(operation, parameters, "a list of CatalogEntry" if listed else types.of(operation)),
                      body + ('["environments"]' if listed else "")])  # fmt: skip


def methods_page(operations, types, is_async):
    name = "AsyncOperations" if is_async else "Operations"
    define = "async def" if is_async else "def"
    head = f'''"""The operations as methods{" to be awaited" if is_async else ""}. {HEAD}"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from ._calls import OnOutput
from ._words import operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import types as shapes
else:
    from . import _shapes as shapes


class {name}:
    {define} _call(self, operation: str, parameters: Mapping[str, Any], on_output: OnOutput | None = None) -> Any:
        raise NotImplementedError

'''
    return head + "\n\n".join(method(o, types, is_async) for o in operations) + "\n"


def main():
    table = subprocess.run([PROGRAM, "help", "--json"], capture_output=True, check=True).stdout
    operations = [o for o in json.loads(table)["operations"] if o["python"]]
    types = Types(operations)
    pages = {
        "types.py": types_page(operations, types),
        "_operations.py": methods_page(operations, types, False),
        "_async_operations.py": methods_page(operations, types, True),
    }
    if "--write" in sys.argv[1:]:
        for name, text in pages.items():
            (PACKAGE / name).write_text(text)
    wrong = [name for name, text in pages.items()
             if not (PACKAGE / name).exists() or (PACKAGE / name).read_text() != text]  # fmt: skip
    print(f"python/pyro_mcp/{wrong[0]} is out of date: tests/check_python.py --write" if wrong
          else f"python: {len(operations)} methods as the table has them")  # fmt: skip
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
