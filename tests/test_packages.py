#!/usr/bin/env python3
"""The Debian packages, unpacked into a root of their own: what is in which, what they need, and that they work.

    tests/test_packages.py DIRECTORY    of the .deb files
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

# package: what must be in it, below usr
FILES = {
    "pyro-mcp": [
        "bin/pyro", "libexec/pyro/pyro-agent", "libexec/pyro/pyro-supervisor", "libexec/pyro/pyro-template",
        "libexec/pyro/libpyro-pull.so", "libexec/pyro/libpyro-http.so", "share/man/man1/pyro.1.gz",
        "share/man/man1/pyro-workspace-shell.1.gz", "share/bash-completion/completions/pyro",
        "share/zsh/vendor-completions/_pyro", "share/fish/vendor_completions.d/pyro.fish", "share/doc/pyro-mcp/copyright",
    ],
    "libpyro2": ["lib/x86_64-linux-gnu/libpyro.so.2", "lib/x86_64-linux-gnu/libpyro.so.2.0.0"],
    "libpyro-dev": ["include/pyro/pyro.h", "include/pyro/error.h", "lib/x86_64-linux-gnu/pkgconfig/pyro.pc"],
}  # fmt: skip
NEEDED = {"qemu-system-x86", "qemu-utils", "bubblewrap", "mmdebstrap", "uidmap", "debian-archive-keyring", "diffutils"}
problems = []


def expect(what, got, wanted):
    if got != wanted:
        problems.append(f"{what}: {got!r}, wanted {wanted!r}")


def run(*words, **env):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYRO_")}
    return subprocess.run([str(word) for word in words], env={**clean, **env}, capture_output=True, text=True, timeout=120).stdout


def check_package(name, package, root):
    run("dpkg-deb", "--extract", package, root)
    for path in FILES[name]:
        expect(f"{name} has {path}", os.path.lexists(root / "usr" / path), True)


def check_needs(package):
    words = run("dpkg-deb", "--field", package, "Depends").replace(",", " ").split()
    expect("missing in Depends of pyro-mcp", NEEDED - set(words), set())
    expect("passt is recommended", run("dpkg-deb", "--field", package, "Recommends").split(), ["passt"])


def check_program(root):
    program = root / "usr" / "bin" / "pyro"
    expect("version", run(program, "--version"), "pyro 2.0.0\n")
    report = json.loads(run(program, "doctor", "--json", PYRO_HOME=f"{root}/home"))
    found = {check["name"]: check["detail"] for check in report["checks"]}["programs"]
    expect("its programs", found, f"pyro-agent, pyro-supervisor in {root / 'usr/libexec/pyro'}")
    page = run("man", "-l", root / "usr/share/man/man1/pyro-run.1.gz", LC_ALL="C.UTF-8", MANWIDTH="80")
    expect("man pyro-run", "pyro run [OPTIONS] ENVIRONMENT -- COMMAND" in page, True)


def main():
    place = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        for name in FILES:
            packages = list(place.glob(f"{name}_*.deb"))
            expect(f"packages of {name}", len(packages), 1)
            check_package(name, packages[0], root)
            expect(f"version of {name}", run("dpkg-deb", "--field", packages[0], "Version"), "2.0.0\n")
            if name == "pyro-mcp":
                check_needs(packages[0])
        check_program(root)
    print("\n".join(problems) or f"packages: {len(FILES)} hold what they should, and work")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
