#!/usr/bin/env python3
"""docs/REFERENCE.md says what the operation table and the error table say.

    tests/check_reference.py            fails when it does not
    tests/check_reference.py --write    writes it anew
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "REFERENCE.md"


def limits(parameter):
    words = []
    if parameter["minimum"] is not None:
        most = parameter["maximum"]
        words.append(f"at least {parameter['minimum']}" if most is None else f"{parameter['minimum']} to {most}")
    if parameter["choices"]:
        words.append(", ".join(f"`{choice}`" for choice in parameter["choices"]))
    for variant in parameter["variants"] or []:
        words.append(f"type `{variant['type']}` with `{variant['member']}`")
    return "; ".join(words)


def operation_text(operation):
    names = [f"`{operation['name']}`"]
    if operation["cli"]:
        names.append(f"`pyro {operation['cli']}`")
    lines = [f"## {operation['name']}", "", " · ".join(names), "", operation["description"], ""]
    if operation["parameters"]:
        lines += ["| parameter | type | default | limits | |", "|---|---|---|---|---|"]
        for p in operation["parameters"]:
            default = "required" if p["required"] else json.dumps(p["default"])
            lines.append(f"| `{p['name']}` | {p['type']} | {default} | {limits(p)} | {p['help']} |")
        lines.append("")
    lines += ["| result | type | |", "|---|---|---|"]
    for f in operation["result"]:
        kind = f["type"] + (" or null" if f["nullable"] else "")
        lines.append(f"| `{f['name']}` | {kind} | {f['help']} |")
    return lines + [""]


def errors_text():
    table = (ROOT / "include/pyro/error.h").read_text()
    rows = re.findall(r'X\(\w+, "(\w+)", (\d+), "\w+"\)', table)
    lines = ["## Errors", "", "| name | exit status |", "|---|---|"]
    return lines + [f"| `{name}` | {status} |" for name, status in rows]


def page():
    table = subprocess.run(
        [ROOT / "build" / "pyro", "help", "--json"], capture_output=True, check=True
    ).stdout
    lines = [
        "# Reference", "",
        "Written by `tests/check_reference.py --write` from the operation table; do not edit.", "",
    ]  # fmt: skip
    for operation in json.loads(table)["operations"]:
        lines += operation_text(operation)
    return "\n".join(lines + errors_text()) + "\n"


if __name__ == "__main__":
    wanted = page()
    if "--write" in sys.argv:
        PAGE.write_text(wanted)
    elif not PAGE.exists() or PAGE.read_text() != wanted:
        sys.exit("docs/REFERENCE.md is out of date: run tests/check_reference.py --write")
    else:
        print("reference: docs/REFERENCE.md is what the tables say")
