"""Writes the methods of Pyro and AsyncPyro, from the operation table."""

import json
import pathlib
import re
import textwrap

from python_types import CLASSES, HEAD, READINESS, TYPES, WIDTH, family_of

ROOT = pathlib.Path(__file__).resolve().parents[1]

# What parameters may be given as.
GIVEN = {**TYPES, "command": "str | Sequence[str]", "strings": "Sequence[str]"}
PATHS = {"source_path", "seed_path", "output_path"}
POSITIONAL = {"environment", "vm_id", "workspace_id", "source_path", "path", "service_name", "shell_id"}
# The command line may read it from stdin instead; from Python it must be given.
REQUIRED = {"input"}
STREAMING = {"vm_run", "vm_exec", "workspace_exec"}
ON_OUTPUT = 'called with "stdout" or "stderr" and the bytes, as the command writes them; what it raises cancels the call'


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
BUILTINS = dict(re.findall(r'X\(\w+, "(\w+)", \d+,\s*"(\w+)"\)', (ROOT / "include/pyro/error.h").read_text()))


def raises(operation, parameters):
    """By the built-in class, the commonest first."""
    codes = {}
    for code in ["invalid_parameter", *RAISED[operation["name"]].split()]:
        codes.setdefault(BUILTINS[code], []).append(code)
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


METHODS_HEAD = """from __future__ import annotations

{standard}from .._calls import {calls}
from .._words import operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .. import types as shapes
else:
    from .. import _shapes as shapes


class {name}({base}):
"""


def methods_page(family, operations, types, is_async):
    """The class of one family."""
    title = f'"""{CLASSES[family]}: their operations as methods{" to be awaited" if is_async else ""}.\n\n{HEAD}"""\n\n'
    base = "AsyncMethods" if is_async else "Methods"
    body = "\n\n".join(method(o, types, is_async) for o in operations if family_of(o) == family)
    standard = "import os\n" if "os.PathLike" in body else ""
    standard += "from collections.abc import Sequence\n" if "Sequence[" in body else ""
    head = METHODS_HEAD.format(name=CLASSES[family], base=base, standard=standard + ("\n" if standard else ""),
                               calls=f"{base}, OnOutput" if "OnOutput" in body else base)  # fmt: skip
    return title + head + body + "\n"


def methods_room(is_async):
    name = "AsyncOperations" if is_async else "Operations"
    what = "to be awaited, " if is_async else ""
    imports = "".join(f"from .{family} import {CLASSES[family]}\n" for family in sorted(CLASSES))
    return (f'"""All operations as methods, {what}a module for each family.\n\n{HEAD}"""\n\n'
            f'{imports}\n\nclass {name}({", ".join(CLASSES.values())}):\n    """Every operation."""\n')  # fmt: skip
