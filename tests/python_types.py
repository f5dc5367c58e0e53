"""Writes pyro_mcp.types: the shapes of what methods take and return, from the operation table."""

import json
import re
import textwrap

WIDTH = 118
HEAD = "Written by tests/check_python.py --write from the operation table; do not edit."

# A module for each, by how the names of its operations begin.
FAMILIES = {"env": "environments", "vm": "vms", "workspace": "workspaces", "service": "services", "shell": "shells"}
CLASSES = {"environments": "Environments", "vms": "VMs", "workspaces": "Workspaces", "services": "Services", "shells": "Shells"}

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
READINESS = "Readiness"


def family_of(operation):
    return FAMILIES[operation["name"].split("_")[0]]


class Types:
    """The TypedDicts, each shape once, in the family that has it first."""

    def __init__(self, operations):
        self.names, self.text = {}, {family: [] for family in CLASSES}
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
        self.text[family_of({"name": place})].append("\n".join(lines))
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


PROGRESS = f'''"""What long work says of itself.

{HEAD}"""

from __future__ import annotations

from typing import TypedDict


class Progress(TypedDict):
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
    """None: unknown."""
'''


TYPES_ROOM = f'''"""The shapes of what methods take and return, a module for each family.

Times are epoch seconds, durations milliseconds, sizes bytes; the unit ends the name.
{HEAD}"""

'''


def types_page(family, operations, types):
    parts = [*(variants_text(operations) if family == "services" else []), *types.text[family]]
    body = "\n\n\n".join(parts) + "\n"
    named = ", ".join(name for name in ("Any", "Literal", "TypedDict") if re.search(rf"\b{name}\b", body))
    return (f'"""{CLASSES[family]}: what their methods take and return.\n\n{HEAD}"""\n\n'
            f"from __future__ import annotations\n\nfrom typing import {named}\n\n\n{body}")  # fmt: skip


def types_room(pages):
    """All of them under one name, pyro_mcp.types."""
    imports, names = ["from .progress import Progress"], ["Progress"]
    for family in CLASSES:
        found = sorted(re.findall(r"^(?:class )?(\w+)(?:\(TypedDict\):| = )", pages[f"types/{family}.py"], re.M))
        imports.append(f"from .{family} import (\n" + "".join(f"    {name},\n" for name in found) + ")")
        names += found
    listed = "".join(f'    "{name}",\n' for name in sorted(names))
    return TYPES_ROOM + "\n".join(sorted(imports)) + f"\n\n__all__ = [\n{listed}]\n"
