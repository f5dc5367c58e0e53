#!/usr/bin/env python3
"""The snippets in docs/clients.md are what `pyro mcp config` prints, and each is of its format.

    tests/check_clients.py            fails when they are not
    tests/check_clients.py --write    writes them anew
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tomllib

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("PYRO_TEST_BUILD", ROOT / "build"))
PAGE = ROOT / "docs" / "clients.md"
PARSERS = {"json": json.loads, "toml": tomllib.loads, "yaml": yaml.safe_load}
BLOCK = re.compile(r"(<!-- pyro mcp config --client ([\w-]+) -->\n```(\w+)\n)(.*?)(```\n)", re.DOTALL)


def run(*words):
    """As a user with `pyro` in PATH would."""
    env = {"HOME": "/home/user", "PATH": f"{BUILD}:/usr/bin:/bin"}
    return subprocess.run(["pyro", *words], env=env, capture_output=True, text=True, check=True).stdout


def clients():
    operations = json.loads(run("help", "--json"))["operations"]
    config = next(operation for operation in operations if operation["name"] == "mcp_config")
    return next(p["choices"] for p in config["parameters"] if p["name"] == "client")


def main():
    page = PAGE.read_text()
    wanted = BLOCK.sub(lambda found: found[1] + run("mcp", "config", "--client", found[2]) + found[5], page)
    if "--write" in sys.argv:
        PAGE.write_text(wanted)
        return 0
    problems = [] if page == wanted else ["docs/clients.md is out of date: run tests/check_clients.py --write"]
    shown = {client: (kind, text) for _, client, kind, text, _ in BLOCK.findall(page)}
    if sorted(shown) != sorted(clients()):
        problems.append(f"docs/clients.md shows {sorted(shown)}, the command knows {sorted(clients())}")
    for client, (kind, text) in shown.items():
        if "pyro" not in str(PARSERS[kind](text)):
            problems.append(f"{client}: the snippet does not name pyro")
    print("\n".join(problems) or f"clients: docs/clients.md shows {len(shown)} snippets as they are printed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
