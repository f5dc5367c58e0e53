#!/usr/bin/env python3
"""Installs the judges that package-lock.json and requirements.txt name, and the Node.js that runs some of them.

    install.py DIRECTORY    does nothing when they are there already
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
PYTHON_FILES = ("requirements.txt",)
NODE_FILES = ("package.json", "package-lock.json", ".npmrc")


def run(*words, **keywords):
    subprocess.run([str(word) for word in words], check=True, stdin=subprocess.DEVNULL, **keywords)


def install(place):
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for name in PYTHON_FILES + NODE_FILES:
        shutil.copy(HERE / name, place)
    run("/usr/bin/python3", "-m", "venv", place / "venv")
    programs = place / "venv" / "bin"
    run(programs / "pip", "install", "--quiet", "--disable-pip-version-check", "-r", place / "requirements.txt")
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    run(programs / "npm", "ci", "--loglevel=error", cwd=place, env=dict(os.environ, PATH=path))


def main():
    place = pathlib.Path(sys.argv[1]).resolve()
    wanted = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in PYTHON_FILES + NODE_FILES)).hexdigest()
    mark = place / "installed"
    if not mark.exists() or mark.read_text() != wanted:
        install(place)
        mark.write_text(wanted)


if __name__ == "__main__":
    main()
