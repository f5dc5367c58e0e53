#!/usr/bin/env python3
"""docs/SPECIFICATION.md is in order: promises are numbered from 1 on, each names tests, and those are there.

    tests/check_specification.py    prints every fault; exit status 1 if there is one
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests"
PAGE = ROOT / "docs" / "SPECIFICATION.md"
PROMISE = re.compile(r"^- \*\*P-(\d+)\*\* ([^`]*(?:`[^`]*`[^`]*)*)$")
NAMED = re.compile(r"`((?:[\w-]+/)*\w+\.(?:py|c)(?:::\w+)?)`")
SCRIPT = re.compile(r"(check|test)_\w+\.py")  # without functions that pytest knows: tests/run.py runs it as a whole
LINES_MAX = 150


def fault_of(named):
    """Why this names no test, or None."""
    name, _, function = named.partition("::")
    path = TESTS / name
    if not path.is_file():
        return f"there is no tests/{name}"
    if not function:
        return None if "/" not in name and SCRIPT.fullmatch(name) else f"{named} does not say which test: FILE::NAME"
    begins = rf"^ *(?:async )?def {function}\(" if path.suffix == ".py" else rf"^static void {function}\("
    if not function.startswith("test_") or not re.search(begins, path.read_text(), re.MULTILINE):
        return f"tests/{name} has no test {function}"
    if path.suffix == ".c" and not re.search(rf"^ +{function}\(", path.read_text(), re.MULTILINE):
        return f"tests/{name} never calls {function}"
    return None


def faults(text):
    if len(text.splitlines()) >= LINES_MAX:
        yield f"it has {LINES_MAX} lines or more"
    count = 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("- "):
            continue
        promise = PROMISE.match(line)
        if not promise:
            yield f"{number}: not of the form: - **P-N** promise `FILE::TEST`"
            continue
        count += 1
        if int(promise[1]) != count:
            yield f"{number}: P-{promise[1]} stands where P-{count} should"
        named = NAMED.findall(promise[2])
        if not named:
            yield f"{number}: P-{promise[1]} names no test"
        yield from (f"{number}: P-{promise[1]}: {fault}" for fault in map(fault_of, named) if fault)
    if count == 0:
        yield "there is no promise"


def main():
    text = PAGE.read_text()
    found = [f"docs/SPECIFICATION.md: {fault}" for fault in faults(text)]
    if "](docs/SPECIFICATION.md)" not in (ROOT / "README.md").read_text():
        found.append("README.md: does not link docs/SPECIFICATION.md")
    promises = len(re.findall(r"^- \*\*P-", text, re.MULTILINE))
    tests = len(set(NAMED.findall(text)))
    print("\n".join(found) or f"specification: {promises} promises, held by {tests} tests")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
