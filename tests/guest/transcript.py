"""docs/first-run.md: its commands and what they print, to be played again.

    python3 tests/guest/transcript.py --write    plays them, and writes what they print into the page

PYRO_HOME names the home. What differs from run to run (ids, times, sizes, versions of the host) counts as the same.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "first-run.md"
BLOCK = re.compile(r"(?<=```console\n)(.*?)(?=```\n)", re.DOTALL)
MARK = "-- end of what the command printed --"
SAME = (
    (r"\b(ws|vm)-[0-9a-f]{12,32}\b", r"\1-ID"),
    (r"\b\d+(\.\d+)? (ms|s|MiB|GiB|kB|h)\b", r"N \2"),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?( UTC|Z)?", "DATE"),
    (r"\b\d+\.\d+\.\d+(-[\w.+]+)?\b", "VERSION"),
    (r"\b(kvm|tcg)(\+jail)?\b", "ISOLATION"),
    (r"\bpid \d+\b", "PID"),
)  # fmt: skip


def commands(page):
    """All commands of the page, each with what it prints."""
    steps = []
    for block in BLOCK.findall(page):
        for line in block.splitlines(keepends=True):
            if line.startswith("$ "):
                steps.append([line[2:].rstrip("\n"), ""])
            else:
                steps[-1][1] += line
    return steps


def play(steps, build, env, directory):
    """What each command prints, one after the other in one bash."""
    script = "exec 2>&1\n" + "".join(f"{command}\necho '{MARK}'\n" for command, _ in steps)
    path = f"{build}:{os.environ.get('PATH', '/usr/bin:/bin')}"
    result = subprocess.run(["bash", "--norc", "-c", script], cwd=directory, env={**os.environ, **env, "PATH": path},
                            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=400)  # fmt: skip
    return result.stdout.split(f"{MARK}\n")[: len(steps)]


def normal(text):
    for pattern, word in SAME:
        text = re.sub(pattern, word, text)
    return [" ".join(line.split()) for line in text.splitlines()]


def written(page, outputs):
    """The page with what was printed."""
    rest = iter(outputs)

    def block(found):
        return "".join(f"$ {command}\n{next(rest)}" for command, _ in commands(f"```console\n{found[0]}```\n"))

    return BLOCK.sub(block, page)


def main():
    page = PAGE.read_text()
    with tempfile.TemporaryDirectory() as directory:
        outputs = play(commands(page), ROOT / "build", {}, directory)
    if "--write" in sys.argv:
        PAGE.write_text(written(page, outputs))


if __name__ == "__main__":
    main()
