#!/usr/bin/env python3
"""Runs all tests and ends with one line: N passed, N failed (, N skipped).

    tests/run.py            everything, as `make test` does
    tests/run.py STEP …     only these: build layers unit sanitize fuzz guest user

The guest tests run twice: as whoever calls, and, when that is root, as an ordinary user made for it.
"""

import os
import pathlib
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[1]
USER = "pyro-test"
FUZZ_SECONDS = 10
counts = {"passed": 0, "failed": 0, "skipped": 0}


def say(text):
    print(f"== {text}", flush=True)


def run(*words, **keywords):
    return subprocess.run([str(word) for word in words], **keywords).returncode


def check(name, good):
    counts["passed" if good else "failed"] += 1
    print(f"{'ok' if good else 'FAILED'}: {name}", flush=True)
    return good


def count_junit(path):
    """Adds up the test cases of a junit file; False when there is none."""
    if not path.exists():
        return False
    for case in ElementTree.parse(path).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            counts["failed"] += 1
        elif case.find("skipped") is not None:
            counts["skipped"] += 1
            reason = case.find("skipped").get("message") or ""
            print(f"skipped: {case.get('name')}: {reason}")
        else:
            counts["passed"] += 1
    return True


def configure(directory, *options, compiler="gcc"):
    if (directory / "build.ninja").exists():
        return 0
    return run("meson", "setup", *options, directory, cwd=ROOT, stdout=subprocess.DEVNULL,
               env=dict(os.environ, CC=compiler))  # fmt: skip


def build():
    """gcc and clang, both without a warning."""
    for compiler in ("gcc", "clang"):
        directory = ROOT / ("build" if compiler == "gcc" else "build-clang")
        made = configure(directory, compiler=compiler) == 0 and run("ninja", "-C", directory) == 0
        check(f"builds with {compiler}, warnings are errors", made)
    return True


def layers():
    for script in sorted((ROOT / "tests").glob("check_*.py")):
        check(script.name, run(sys.executable, script, cwd=ROOT) == 0)


def meson_test(directory):
    log = directory / "meson-logs" / "testlog.junit.xml"
    log.unlink(missing_ok=True)
    run("meson", "test", "-C", directory, "--print-errorlogs")
    if not count_junit(log):
        check(f"unit tests of {directory.name}", False)


def unit():
    meson_test(ROOT / "build")


def sanitize():
    """The unit tests again, under ASan and UBSan."""
    directory = ROOT / "build-asan"
    if check("configures with sanitizers",
             configure(directory, "-Db_sanitize=address,undefined", "-Db_lundef=false") == 0):  # fmt: skip
        meson_test(directory)


def fuzz():
    """Each libFuzzer target for a few seconds."""
    directory = ROOT / "build-fuzz"
    if not check("builds the fuzz targets",
                 configure(directory, "-Dfuzz=true", "-Dtests=true", "-Db_lundef=false",
                           compiler="clang") == 0 and run("ninja", "-C", directory) == 0):  # fmt: skip
        return
    targets = [path for path in (directory / "tests" / "fuzz").glob("fuzz-*") if path.is_file()]
    check("there are fuzz targets", len(targets) > 0)
    for target in sorted(targets):
        with tempfile.TemporaryDirectory() as corpus:
            log = subprocess.run(
                [target, f"-max_total_time={FUZZ_SECONDS}", "-timeout=5", "-max_len=70000",
                 f"-dict={ROOT}/tests/fuzz/frames.dict", corpus],
                cwd=corpus, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
        if not check(f"{target.name} for {FUZZ_SECONDS} s", log.returncode == 0):
            print(log.stdout[-4000:].decode(errors="replace"))


def pytest(build_directory, tests, report, prefix=(), home=None, extra=()):
    env = dict(os.environ, PYRO_TEST_BUILD=str(build_directory), PYTHONDONTWRITEBYTECODE="1")
    if home:
        env["PYRO_TEST_HOME"] = str(home)
    run(*prefix, "/usr/bin/python3", "-m", "pytest", "-q", "-x" if "-x" in sys.argv else "-ra",
        "-p", "no:cacheprovider", f"--junitxml={report}", *extra, tests,
        env=env, cwd=tests)  # fmt: skip
    if not count_junit(pathlib.Path(report)):
        check(f"pytest in {tests}", False)


def guest():
    with tempfile.TemporaryDirectory(prefix="pyro-test-") as place:
        pytest(ROOT / "build", ROOT / "tests" / "guest", f"{place}/report.xml", home=f"{place}/home")


def user():
    """The guest tests as an ordinary user, from a copy of what was built."""
    if os.getuid() != 0:
        say("user: skipped, the guest tests ran as an ordinary user already")
        return
    try:
        pwd.getpwnam(USER)
    except KeyError:
        if not check(f"adds the user {USER}", run("useradd", "-m", USER) == 0):
            return
    with tempfile.TemporaryDirectory(prefix="pyro-test-") as name:
        place = pathlib.Path(name)
        for program in ("pyro", "pyro-supervisor", "pyro-agent", "libpyro.so.2"):
            shutil.copy(ROOT / "build" / program, place)
        shutil.copytree(ROOT / "tests" / "guest", place / "guest",
                        ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
        run("chown", "-R", USER, place)
        home = pwd.getpwnam(USER).pw_dir
        prefix = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", "env", "-i",
                  f"HOME={home}", f"USER={USER}", "PATH=/usr/local/bin:/usr/bin:/bin",
                  f"PYRO_TEST_BUILD={place}", f"PYRO_TEST_HOME={place}/home",
                  "PYTHONDONTWRITEBYTECODE=1", "LANG=C.UTF-8")  # fmt: skip
        pytest(place, place / "guest", place / "report.xml", prefix)


STEPS = (build, layers, unit, sanitize, fuzz, guest, user)


def main():
    wanted = [word for word in sys.argv[1:] if not word.startswith("-")]
    for step in STEPS:
        if wanted and step.__name__ not in wanted:
            continue
        started = time.monotonic()
        say(step.__name__)
        step()
        say(f"{step.__name__} took {time.monotonic() - started:.0f} s")
    line = f"{counts['passed']} passed, {counts['failed']} failed"
    print(line + (f", {counts['skipped']} skipped" if counts["skipped"] else ""))
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
