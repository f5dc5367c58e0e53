"""A workspace: seed it with a project, change it until its check passes, take home the patch and a file.

    python examples/workspace_loop.py
"""

import pathlib
import tempfile

from pyro_mcp import Pyro

CHECK = '[ "$(sh answer.sh)" = 42 ] || { echo "wrong: $(sh answer.sh)"; exit 1; }'
ATTEMPTS = ["echo $((6 + 7))\n", "echo $((6 * 6))\n", "echo $((6 * 7))\n"]


def write(directory, text):
    """The one file of the project; an agent would let a model write it."""
    directory.mkdir(exist_ok=True)
    (directory / "answer.sh").write_text(text)
    return directory


def work(pyro, place):
    first, *others = ATTEMPTS
    # /workspace begins as a copy of the directory, and is remembered: diffs are against it.
    with pyro.workspace("debian:12-base", seed_path=write(place / "seed", first)) as workspace:
        result = workspace.exec(CHECK)
        for attempt in others:
            if result["exit_code"] == 0:
                break
            print(f"command {result['sequence']}: {result['stdout'].strip()}")
            workspace.push(write(place / "change", attempt))
            result = workspace.exec(CHECK)
        print(f"command {result['sequence']}: exit code {result['exit_code']}")

        diff = workspace.diff()
        print(diff["summary"]["modified"], "modified")
        print(diff["patch"], end="")  # for git apply

        workspace.export("answer.sh", output_path=place / "mended.sh")
        print("home:", (place / "mended.sh").read_text(), end="")
    # The end of the block has deleted the workspace; without a block it stays until delete_workspace().


with tempfile.TemporaryDirectory() as name:
    work(Pyro(), pathlib.Path(name))
