#!/usr/bin/env python3
"""What people read is whole and true: every error has its cause and cure, links lead somewhere, and the commands that
are shown exist, with their flags.

    tests/check_documents.py    PYRO_TEST_BUILD names the directory with `pyro` (default: build)
"""

import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("PYRO_TEST_BUILD", ROOT / "build"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMON = {"--json", "--verbose", "--help", "--version"}
SECTION = re.compile(r"^### `(\w+)`\n- \*\*Cause:\*\* (.+)\n- \*\*Cure:\*\* (.+)\n", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
EXAMPLE = re.compile(r"^(?:    )?\$ (?:.* )?(?:build/)?pyro (.+)$", re.MULTILINE)


def error_faults():
    names = re.findall(r'X\(\w+, "(\w+)", \d+, "\w+"\)', (ROOT / "include/pyro/error.h").read_text())
    page = (ROOT / "docs/troubleshooting.md").read_text()
    told = [name for name, cause, cure in SECTION.findall(page) if len(cause) > 20 and len(cure) > 20]
    if not names:
        yield "include/pyro/error.h: no error was found"
    for name in sorted({*names, *re.findall(r"^### `(\w+)`", page, re.MULTILINE)}):
        if names.count(name) != 1 or told.count(name) != 1:
            yield f"docs/troubleshooting.md: {name} must be an error, and have a cause and a cure once"


def link_faults(page):
    for target in LINK.findall(page.read_text()):
        if "://" not in target and not (page.parent / target).exists():
            yield f"{page.relative_to(ROOT)}: {target} is not there"


def flags_of(operation):
    flags = set(COMMON)
    for parameter in operation["parameters"]:
        flags |= {parameter["flag"]} if parameter["flag"] else {v["flag"] for v in parameter["variants"] or []}
    return flags


def example_faults(page, operations):
    for example in EXAMPLE.findall(page.read_text()):
        words = re.split(r"\s+#|\s--\s|[|;&<>]", example)[0].split()
        named = [name for name in operations if words[: len(name.split())] == name.split()]
        known = flags_of(operations[max(named, key=len)]) if named else COMMON
        if not named and words[0] not in {"help", *COMMON} and not any(name.split()[0] == words[0] for name in operations):
            yield f"{page.relative_to(ROOT)}: there is no command pyro {' '.join(words)}"
        for word in words:
            if word.startswith("--") and word.split("=")[0] not in known:
                yield f"{page.relative_to(ROOT)}: pyro {' '.join(words)}: there is no {word}"


def main():
    table = subprocess.run([BUILD / "pyro", "help", "--json"], capture_output=True, check=True).stdout
    operations = {o["cli"]: o for o in json.loads(table)["operations"] if o["cli"]}
    problems = [*error_faults()]
    for page in PAGES:
        problems += [*link_faults(page), *example_faults(page, operations)]
    count = sum(len(EXAMPLE.findall(page.read_text())) for page in PAGES)
    print("\n".join(problems) or f"documents: {len(PAGES)} pages, {count} examples; every error has cause and cure")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
