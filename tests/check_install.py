#!/usr/bin/env python3
"""What `meson install` puts where, and that the tree works wherever it is moved: the command and a C program that
links the library find pyro's own programs.

    tests/check_install.py    PYRO_TEST_BUILD names the build directory (default: build)
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("PYRO_TEST_BUILD", ROOT / "build"))
PAGES = ("pyro", "pyro-run", "pyro-workspace", "pyro-workspace-service", "pyro-workspace-shell", "pyro-env", "pyro-doctor",
         "pyro-mcp", "pyro-demo")  # fmt: skip
WANTED = {
    "bin/pyro", "include/pyro/pyro.h", "include/pyro/error.h",
    "LIB/libpyro.so", "LIB/libpyro.so.2", "LIB/libpyro.so.2.0.0", "LIB/pkgconfig/pyro.pc",
    "libexec/pyro/pyro-agent", "libexec/pyro/pyro-supervisor", "libexec/pyro/pyro-template",
    "libexec/pyro/libpyro-pull.so", "libexec/pyro/libpyro-archive.so", "libexec/pyro/libpyro-http.so",
    "libexec/pyro/libpyro-curl.so", "libexec/pyro/libpyro-readonly.so",
    "share/bash-completion/completions/pyro", "share/zsh/site-functions/_pyro", "share/fish/vendor_completions.d/pyro.fish",
    *(f"share/man/man1/{page}.1" for page in PAGES),
}  # fmt: skip
PROGRAM = r"""
#include <pyro/pyro.h>
#include <stdio.h>

int main(void)
{
    struct pyro_context *pyro;
    struct pyro_error error;
    char *result;
    if (pyro_open(NULL, &pyro, &error) < 0 || pyro_call(pyro, "doctor", "{}", NULL, &result, &error) < 0)
        return 1;
    puts(result);
    pyro_free(result);
    pyro_close(pyro);
    return 0;
}
"""
problems = []


def expect(what, got, wanted):
    if got != wanted:
        problems.append(f"{what}: {got!r}, wanted {wanted!r}")


def run(*words, **env):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYRO_")}
    result = subprocess.run([str(word) for word in words], env={**clean, **env}, capture_output=True, text=True, timeout=120)
    if result.returncode != 0 and "doctor" not in words:  # which says so where guests cannot run
        problems.append(f"{words[0]} {words[1:3]}: {result.stderr[-500:]}")
    return result.stdout


def library_directory(prefix):
    return next(prefix.glob("lib/**/libpyro.so.2")).parent


def check_files(prefix):
    library = str(library_directory(prefix).relative_to(prefix))
    there = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if not path.is_dir()}
    expect("installed", sorted(there), sorted(name.replace("LIB", library) for name in WANTED))
    dynamic = run("readelf", "-d", library_directory(prefix) / "libpyro.so.2")
    expect("soname", "Library soname: [libpyro.so.2]" in dynamic, True)
    for path in (path for path in prefix.rglob("*") if path.is_file() and os.access(path, os.X_OK)):
        if "RUNPATH" in run("readelf", "-d", path):
            problems.append(f"{path} looks for libraries in places of its own")


def expect_programs(what, report, prefix):
    checks = {check["name"]: check["detail"] for check in json.loads(report or '{"checks": []}')["checks"]}
    wanted = f"pyro-agent, pyro-supervisor in {prefix / 'libexec/pyro'}"
    expect(what, checks.get("programs"), wanted)


def check_command(prefix, place):
    program = prefix / "bin" / "pyro"
    expect("version", run(program, "--version"), "pyro 2.0.0\n")
    expect_programs("the command", run(program, "doctor", "--json", PYRO_HOME=f"{place}/home"), prefix)
    (place / "link").symlink_to(program)
    expect_programs("a link to it", run(place / "link", "doctor", "--json", PYRO_HOME=f"{place}/home"), prefix)


def check_library(prefix, place):
    library = library_directory(prefix)
    source, program = place / "program.c", place / "program"
    source.write_text(PROGRAM)
    flags = run("pkg-config", f"--define-variable=prefix={prefix}", "--cflags", "--libs", "pyro",
                PKG_CONFIG_PATH=str(library / "pkgconfig"))  # fmt: skip
    run("gcc", "-Wall", "-Werror", source, "-o", program, *flags.split())
    environment = {"LD_LIBRARY_PATH": str(library), "PYRO_HOME": f"{place}/home"}
    expect_programs("a program with the library", run(program, **environment), prefix)
    expect("what it needs", "[libpyro.so.2]" in run("readelf", "-d", program), True)


def main():
    with tempfile.TemporaryDirectory() as directory:
        place = pathlib.Path(directory)
        run("meson", "install", "-C", BUILD, "--no-rebuild", DESTDIR=f"{place}/dest")
        installed = next((place / "dest").rglob("bin/pyro")).parents[1]
        check_files(installed)
        moved = place / "moved"
        installed.rename(moved)
        check_command(moved, place)
        check_library(moved, place)
    print("\n".join(problems) or f"install: {len(WANTED)} files, and they work where they are moved")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
