#!/usr/bin/env python3
"""Completion: `pyro complete` offers all that the operation table has, and bash, zsh and fish get it.

    tests/check_completion.py    PYRO_TEST_BUILD names the directory with `pyro` (default: build)
"""

import json
import os
import pathlib
import shlex
import sqlite3
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("PYRO_TEST_BUILD", ROOT / "build"))
SCRIPTS = ROOT / "completion"
DIGITS = "0123456789abcdef" * 2
WORKSPACE = f"ws-{DIGITS}"
COMMON = {"--json", "--verbose", "--help"}
problems = []


def expect(what, got, wanted):
    if got != wanted:
        problems.append(f"{what}: {got!r}, wanted {wanted!r}")


class Host:
    """A home with one workspace in it, which has a service and a shell."""

    def __init__(self, directory):
        self.home = pathlib.Path(directory) / "home"
        self.here = pathlib.Path(directory) / "here"
        (self.here / "some source").mkdir(parents=True)
        self.env = {"PATH": f"{BUILD}:/usr/bin:/bin", "HOME": directory, "PYRO_HOME": str(self.home), "LANG": "C.UTF-8"}
        self.run("pyro", "complete", "workspace", "status", "")
        expect("completion makes no home", self.home.exists(), False)
        self.run("pyro", "workspace", "status", WORKSPACE)  # makes the store
        with sqlite3.connect(self.home / "store.sqlite") as store:
            columns = {row[1]: row for row in store.execute("pragma table_info(vms)")}
            values = {name: 0 for name, row in columns.items() if row[3] and row[4] is None}
            values |= {"vm_id": f"vm-{DIGITS}", "environment": "debian:12", "state": "stopped", "seed_json": "{}"}
            marks = ", ".join("?" * len(values))
            store.execute(f"insert into vms ({', '.join(values)}) values ({marks})", list(values.values()))
        for session in ("services/web", "services/web-2", "shells/sh-1"):
            (self.home / "vms" / f"vm-{DIGITS}" / session).mkdir(parents=True)

    def run(self, *words):
        return subprocess.run(words, env=self.env, cwd=self.here, capture_output=True, text=True, timeout=60)

    def complete(self, *words):
        """The words that `pyro complete` offers."""
        return [line.split("\t")[0] for line in self.run("pyro", "complete", *words).stdout.splitlines()]


def words_of(operation):
    return operation["cli"].split()


def flags_of(operation):
    for parameter in operation["parameters"]:
        if not parameter["positional"] and not parameter["rest"]:
            yield from ((v["flag"], parameter) for v in parameter["variants"] or [])
            if parameter["flag"]:
                yield parameter["flag"], parameter


def check_table(host):
    table = json.loads(host.run("pyro", "help", "--json").stdout)["operations"]
    operations = [operation for operation in table if operation["cli"]]
    for operation in operations:
        words = words_of(operation)
        for length in range(len(words)):
            if words[length] not in host.complete(*words[:length], ""):
                problems.append(f"after {words[:length]} there is no {words[length]}")
        wanted = {flag for flag, _ in flags_of(operation)} | COMMON
        expect(f"flags of {operation['cli']}", set(host.complete(*words, "--")), wanted)
        for flag, parameter in flags_of(operation):
            if parameter["choices"]:
                expect(f"{flag}", host.complete(*words, flag, ""), parameter["choices"])
                joined = [f"{flag}={choice}" for choice in parameter["choices"]]
                expect(f"{flag}=", host.complete(*words, f"{flag}="), joined)
    return len(operations)


# what is typed, with the cursor at its end: what is offered
CASES = {
    "pyro work": ["workspace"],
    "pyro help env pr": ["prune"],
    "pyro run debian:12-ba": ["debian:12-base"],
    "pyro run --network --mem-mib 512 debian:12-ba": ["debian:12-base"],
    "pyro run debian:12 --vc": ["--vcpu-count"],
    "pyro run debian:12 -- ": [],
    "pyro run --mem-mib ": [],
    "pyro demo --environment=debian:12-bu": ["--environment=debian:12-build"],
    "pyro workspace status w": [WORKSPACE],
    "pyro workspace status v": [],
    f"pyro workspace service stop {WORKSPACE} ": ["web", "web-2"],
    f"pyro workspace shell read {WORKSPACE} --plain s": ["sh-1"],
    "pyro workspace service stop ws-../../x ": [],
    f"pyro workspace shell signal {WORKSPACE} sh-1 --signal K": ["KILL"],
    "pyro nonsense ": [],
}  # fmt: skip
PATHS = {
    "pyro workspace create debian:12 --seed-path so": "some source",
    "pyro mcp serve --allow-path so": "some source",
}

# What is quoted, and what fish itself has to take apart.
QUOTED = {
    'pyro run "debian:12-ba': ["debian:12-base"],
    'pyro workspace create debian:12 --seed-path "so': ["some source"],
    "pyro workspace create debian:12 --seed-path some\\ s": ["some source"],
    "pyro workspace create debian:12 --seed-path=so": ["--seed-path=some source"],
    "pyro workspace create debian:12 --seed-path ~/he": ["~/here"],
}  # fmt: skip

# As bash does: the word is split at each : and =, and what is offered replaces only the last part.
BASH = r"""
source {script}
COMP_WORDS=({words}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
$(complete -p pyro | sed 's/.*-F \([^ ]*\).*/\1/') pyro
(( ${{#COMPREPLY[@]}} )) && printf '%s\n' "${{COMPREPLY[@]}}"
"""
ZSH = r"""
_describe() {{ print -rl -- ${{(P)2}}; }}
_files() {{ print -rl -- ${{~:-"$PREFIX*"}}(N); }}
compset() {{ :; }}
words=({words}) CURRENT=$#words PREFIX=${{words[-1]}}
source {script}
"""
FISH = "source {script}; complete -C {line}"


def bash_words(line):
    for word in line.split(" "):
        part = ""
        for letter in word:
            if letter in ":=":
                yield from (text for text in (part, letter) if text)
                part = ""
            else:
                part += letter
        if part or not word or word[-1] in ":=":
            yield part


def in_bash(host, line):
    parts = list(bash_words(line))
    script = BASH.format(script=SCRIPTS / "pyro.bash", words=" ".join(map(shlex.quote, parts)))
    offered = host.run("bash", "--norc", "-c", script).stdout.splitlines()
    typed = line.split(" ")[-1]
    kept = typed.removesuffix(parts[-1]) if parts[-1] else typed
    return [kept + word for word in offered]


def in_zsh(host, line):
    words = " ".join(shlex.quote(word) for word in line.split(" "))
    shown = host.run("zsh", "-f", "-c", ZSH.format(script=SCRIPTS / "_pyro", words=words)).stdout.splitlines()
    return [word.replace("\\:", "\0").split(":")[0].replace("\0", ":") for word in shown]


def in_fish(host, line):
    script = FISH.format(script=SCRIPTS / "pyro.fish", line=shlex.quote(line))
    shown = host.run("fish", "--no-config", "-c", script).stdout.splitlines()
    return [word.split("\t")[0].rstrip("/") for word in shown]


def check_shell(host, name, offer):
    for line, wanted in CASES.items():
        expect(f"{name}: {line}", sorted(offer(host, line)), sorted(wanted))
    for line, wanted in PATHS.items():
        expect(f"{name}: {line}", [word.replace("\\", "") for word in offer(host, line)], [wanted])


def check_quoted(host):
    for line, wanted in QUOTED.items():
        expect(f"fish: {line}", [word.replace("\\", "") for word in in_fish(host, line)], wanted)
    expect("bash: a quote", in_bash(host, 'pyro "works'), ["workspace"])


def main():
    with tempfile.TemporaryDirectory() as directory:
        host = Host(directory)
        count = check_table(host)
        for name, offer in (("bash", in_bash), ("zsh", in_zsh), ("fish", in_fish)):
            check_shell(host, name, offer)
        check_quoted(host)
    print("\n".join(problems) or f"completion: {count} commands, in bash, zsh and fish")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
