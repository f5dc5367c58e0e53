#!/usr/bin/env python3
"""The manual pages are without fault, and tell of every command and flag, each on one page.

    tests/check_man.py    PYRO_TEST_BUILD names the directory with `pyro` (default: build)
"""

import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("PYRO_TEST_BUILD", ROOT / "build"))
# A date would make two builds differ.
ACCEPTED = re.compile(r"missing date")


def run(*words, **env):
    return subprocess.run([str(word) for word in words], env=dict(os.environ, LC_ALL="C.UTF-8", **env),
                          capture_output=True, text=True, timeout=60)  # fmt: skip


def faults(page):
    lines = run("mandoc", "-Tlint", "-W", "warning", page).stdout.splitlines()
    lines += run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page, MANWIDTH="80").stderr.splitlines()
    return [line for line in lines if not ACCEPTED.search(line)]


def flags(operation):
    for parameter in operation["parameters"]:
        if not parameter["positional"] and not parameter["rest"]:
            yield from [parameter["flag"]] if parameter["flag"] else (v["flag"] for v in parameter["variants"])


def command_faults(operation, texts):
    heading = f".SH pyro {operation['cli']}\n"
    pages = [name for name, text in texts.items() if heading in text]
    if len(pages) != 1:
        return [f"pyro {operation['cli']} is on the pages {pages}, wanted one"]
    section = texts[pages[0]].split(heading)[1].split("\n.SH ")[0].replace("\\-", "-")
    return [f"{pages[0]}: nothing of {flag} of pyro {operation['cli']}"
            for flag in flags(operation) if f"\\fB{flag}" not in section]  # fmt: skip


def main():
    names = run(BUILD / "man" / "pyro-man").stdout.split()
    pages = {name: BUILD / "man" / f"{name}.1" for name in names}
    problems = [f"{path} was not made" for path in pages.values() if not path.exists()]
    texts = {name: path.read_text() for name, path in pages.items() if path.exists()}
    for path in pages.values():
        problems += faults(path)
    table = json.loads(run(BUILD / "pyro", "help", "--json").stdout)["operations"]
    commands = [operation for operation in table if operation["cli"]]
    for operation in commands:
        problems += command_faults(operation, texts)
    if not pages or not commands:
        problems.append("there are no pages, or no commands")
    print("\n".join(problems) or f"man: {len(pages)} pages tell of {len(commands)} commands")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
