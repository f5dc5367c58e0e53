#!/usr/bin/env python3
"""Checks the rule of who may include whom (docs/ARCHITECTURE.md): each room uses the ones above it.

    tests/check_layers.py [DIRECTORY]    prints FILE:LINE of every breach; exit status 1 if there is one
"""

import pathlib
import re
import sys

ROOMS = ["base", "wire", "guest", "store", "environment", "vm", "supervisor", "template", "workspace", "operation", "mcp", "demo", "cli"]

# Tighter than the order. The agent is all that a guest runs, so it sees nothing of the host.
ONLY = {"guest": {"base", "wire", "guest"}}
# Headers that are meant for the rooms below; the rest of such a room is its own business.
DOORS = {"supervisor": {"supervisor/client.h", "supervisor/bundle.h", "supervisor/log.h", "supervisor/session_record.h"},
         "template": {"template/template.h"}}
CLOSED = {"guest"}  # nobody includes anything of these

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')


def problem_of(room, quote, name):
    """Why a file in `room` may not include `name`, or None."""
    if name.startswith("pyro/"):
        return None
    target = name.split("/")[0]
    if quote == "<":
        return f"<{name}> is ours: write it in quotes" if target in ROOMS and "/" in name else None
    if "/" not in name or target not in ROOMS:
        return f'"{name}" does not name a room: write "ROOM/FILE.h"'
    if target == room:
        return None
    if target in CLOSED:
        return f"{target} is not for others"
    if target not in ONLY.get(room, ROOMS[: ROOMS.index(room)]):
        return f"{room} may not use {target}"
    if target in DOORS and name not in DOORS[target]:
        return f"{name} is inside {target}; others use {', '.join(sorted(DOORS[target]))}"
    return None


def breaches(root):
    source = root / "src"
    for path in sorted([*source.glob("**/*.c"), *source.glob("**/*.h")]):
        room = path.relative_to(source).parts[0]
        if room not in ROOMS:
            yield f"{path.relative_to(root)}:1: {room} is not a known room"
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            problem = match and problem_of(room, *match.groups())
            if problem:
                yield f"{path.relative_to(root)}:{number}: {problem}"


def main():
    default = pathlib.Path(__file__).resolve().parents[1]
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    found = list(breaches(root))
    print("\n".join(found) or "layers: every include is allowed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
