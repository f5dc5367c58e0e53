"""What docs/CONTRACT.md says, for the tests that hold the product against it."""

import pathlib
import re

TEXT = (pathlib.Path(__file__).resolve().parents[1] / "docs" / "CONTRACT.md").read_text()


def listed(heading, section):
    """The code at the beginning of each item of the list that follows `heading` in the section of that name."""
    part = TEXT.split(f"## {section}\n", 1)[1].split("\n## ", 1)[0]
    part = part.split(f"{heading}\n", 1)[1].lstrip("\n")
    items = re.match(r"(?:- .*\n)+", part)[0].splitlines()
    return [match[1] for match in (re.match(r"- `([^`]*)`", item) for item in items) if match]


def commands():
    """["env list", …]"""
    return [command.removeprefix("pyro ") for command in listed("Top-level commands:", "CLI Contract")]


def run_flags():
    return listed("Stable `pyro run` interface:", "CLI Contract")


def tools():
    headings = ("Primary tool:", "Advanced lifecycle tools:", "Persistent workspace tools:")
    return [tool for heading in headings for tool in listed(heading, "MCP Contract")]


def methods():
    """["create_server()", "export_workspace(workspace_id, path, *, output_path)", …], as both lists have them."""
    section = "Python SDK Contract"
    stable = listed("Stable public method names:", section)
    entry_points = listed("Supported public entrypoints:", section)
    assert sorted({method.removeprefix("Pyro.") for method in entry_points}) == sorted(stable)
    return stable


def defaults(section):
    """{name: {parameter: default}} of the sentences of "Behavioral defaults" that give values; names without "Pyro."."""
    found = {}
    for line in TEXT.split(f"## {section}\n", 1)[1].split("Behavioral defaults:\n", 1)[1].split("\n## ", 1)[0].splitlines():
        names = [word.removeprefix("Pyro.").removesuffix("(...)") for word in re.findall(r"`([\w.]+(?:\(\.\.\.\))?)`", line)]
        values = {key: int(value) for key, value in re.findall(r"`(\w+)=(\d+)`", line)}
        if flag := re.search(r"`(allow_host_compat)`.*defaults to `(?i:false)`", line):
            values[flag[1]] = False
        for name in set(names) - {"allow_host_compat", "False", "false"} if values else ():
            found.setdefault(name, {}).update(values)
    return found
