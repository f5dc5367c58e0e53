#!/usr/bin/env python3
"""Runs all tests and ends with one line: N passed, N failed (, N skipped).

    tests/run.py            everything, as `make test` does
    tests/run.py STEP …     only these: build layers unit sanitize fuzz deb guest judges python

The guest tests run as whoever calls and, when that is root, as an ordinary user made for it.
"""

import dataclasses
import os
import pathlib
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from concurrent import futures

ROOT = pathlib.Path(__file__).resolve().parents[1]
CHECKED = ROOT / "build-checked"  # by clang, with sanitizers and for libFuzzer
USER = "pyro-test"
FUZZ_SECONDS = 10
STREAMS_AT_ONCE = 3  # they keep two processors busy
# What does not depend on who asks, or takes long, runs as one of the two.
ONCE_AS_USER = (
    "test_something_real.py", "test_template_identity.py", "test_services.py", "test_shells.py", "test_mcp_spare.py", "test_mcp_config.py",
    "test_demo.py", "test_demo_ollama.py", "test_workspace.py", "test_template_vms.py", "test_api.py", "test_environment.py",
)  # fmt: skip
ONCE_AS_CALLER = (
    "test_agent_protocol.py", "test_tree_protocol.py", "test_hostile_guest.py", "test_hostile_client.py", "test_host_sleep.py",
    "test_template_damage.py", "test_template_fallback.py", "test_template_making.py", "test_template_room.py",
    "test_workspace_kill.py", "test_agent_sessions.py", "test_mcp_stdio.py", "test_mcp_tools.py", "test_mcp_http.py", "test_first_run.py",
)  # fmt: skip
# What takes longest, for each, runs beside the rest.
LONG = (
    "test_something_real.py", "test_template_damage.py", "test_template_fallback.py", "test_template_making.py", "test_template_room.py",
    "test_template_identity.py", "test_workspace_kill.py", "test_first_run.py",
)  # fmt: skip
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


def compile_all(compiler, directory, *options, targets=()):
    made = (configure(directory, *options, compiler=compiler) == 0
            and run("ninja", "-C", directory, "all", "meson-test-prereq", *targets) == 0)  # fmt: skip
    return check(f"builds with {compiler}, warnings are errors", made)


def build():
    """With gcc, as it is used; with clang for the unit tests with sanitizers and for libFuzzer."""
    compile_all("gcc", ROOT / "build")
    check("the guest agent is under 150 kB", (ROOT / "build" / "pyro-agent").stat().st_size < 150_000)
    compile_all("clang", CHECKED, "-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dfuzz=true", targets=["fuzz"])


def layers():
    for script in sorted((ROOT / "tests").glob("check_*.py")):
        check(script.name, run(sys.executable, script, cwd=ROOT) == 0)


def meson_test(directory):
    log = directory / "meson-logs" / "testlog.junit.xml"
    log.unlink(missing_ok=True)
    run("meson", "test", "-C", directory, "--no-rebuild", "--no-suite", "fuzz", "--print-errorlogs")
    if not count_junit(log):
        check(f"unit tests of {directory.name}", False)


def unit():
    meson_test(ROOT / "build")


def sanitize():
    """The unit tests again, under ASan and UBSan."""
    meson_test(CHECKED)


def fuzz():
    """Each libFuzzer target for a few seconds."""
    targets = sorted(path for path in (CHECKED / "tests" / "fuzz").glob("fuzz-*") if path.is_file())
    check("there are fuzz targets", len(targets) > 0)
    with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for target, log in zip(targets, pool.map(fuzz_one, targets)):
            if not check(f"{target.name} for {FUZZ_SECONDS} s", log.returncode == 0):
                print(log.stdout[-4000:].decode(errors="replace"))


def fuzz_one(target):
    with tempfile.TemporaryDirectory() as corpus:
        return subprocess.run(
            [target, f"-max_total_time={FUZZ_SECONDS}", "-timeout=5", "-max_len=70000",
             f"-dict={ROOT}/tests/fuzz/frames.dict", corpus],
            cwd=corpus, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip


def deb():
    """The Debian packages: built, accepted by lintian, and unpacked they are what is installed."""
    if check("the packages are built, and lintian accepts them", run(ROOT / "scripts" / "deb") == 0):
        check("test_packages.py", run(sys.executable, ROOT / "tests" / "test_packages.py", ROOT / "build" / "deb") == 0)


@dataclasses.dataclass
class Stream:
    """A pytest of its own, with a home of its own."""

    name: str
    home: pathlib.Path
    tests: pathlib.Path
    files: list = ()  # of `tests`; none: all
    env: dict = dataclasses.field(default_factory=lambda: dict(os.environ))
    prefix: tuple = ()
    interpreter: str = "/usr/bin/python3"

    def run(self):
        """Runs it; what it printed. The report lies beside the home, where its user may write."""
        words = [*self.prefix, self.interpreter, "-m", "pytest", "-q", "-ra", "--durations=40", "-p", "no:cacheprovider",
                 f"--junitxml={self.home}.xml", *(self.files or [self.tests])]  # fmt: skip
        env = {"PYRO_TEST_BUILD": str(ROOT / "build"), **self.env, "PYRO_TEST_HOME": str(self.home), "PYTHONDONTWRITEBYTECODE": "1",
               "PYRO_TEST_PULLED": str(self.home.parent / "pulled")}  # fmt: skip
        done = subprocess.run([str(word) for word in words], env=env, cwd=self.tests, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
        return done.stdout.decode(errors="replace")

    def count(self):
        if not count_junit(pathlib.Path(f"{self.home}.xml")):
            check(self.name, False)


def run_streams(makers):
    """What `makers` yield, some at once, those that take or wait longest first."""
    with tempfile.TemporaryDirectory(prefix="pyro-test-") as name:
        place = pathlib.Path(name)
        place.chmod(0o755)
        with futures.ThreadPoolExecutor(STREAMS_AT_ONCE) as pool:
            started = {pool.submit(stream.run): stream for make in makers for stream in make(place)}
            for done in futures.as_completed(started):
                say(started[done].name)
                print(done.result()[-30000:], flush=True)
                started[done].count()


def as_user(place):
    """Copies what was built to where an ordinary user can read it; the prefix that becomes the user."""
    try:
        pwd.getpwnam(USER)
    except KeyError:
        if not check(f"adds the user {USER}", run("useradd", "-m", USER) == 0):
            return None
    programs = ("pyro", "pyro-agent", "pyro-supervisor", "pyro-template")
    libraries = ("libpyro.so.2", "libpyro-pull.so", "libpyro-archive.so", "libpyro-http.so", "libpyro-curl.so",
                 "libpyro-readonly.so")  # fmt: skip
    for name in (*programs, *libraries):
        shutil.copy(ROOT / "build" / name, place)
    shutil.copytree(ROOT / "tests" / "guest", place / "guest",
                    ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    run("chown", "-R", USER, place)
    return ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups")


def guest(place):
    """The guest tests as whoever calls and, when that is root, as an ordinary user. What does not depend on who asks, or
    takes long, runs once."""
    tests = ROOT / "tests" / "guest"
    files = {path.name for path in tests.glob("test_*.py")}
    prefix = ()
    if os.getuid() == 0:
        theirs = place / "user"
        theirs.mkdir()
        prefix = as_user(theirs)
    mine = files - set(ONCE_AS_USER) if prefix else files
    for name, some in split(mine):
        yield Stream(f"guest tests as the caller, {name}", place / name, tests, some)
    if prefix:
        env = {"HOME": pwd.getpwnam(USER).pw_dir, "USER": USER, "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8",
               "PYRO_TEST_BUILD": str(theirs)}  # fmt: skip
        for name, some in split(files - set(ONCE_AS_CALLER)):
            yield Stream(f"guest tests as {USER}, {name}", theirs / name, theirs / "guest", some, env, prefix)


def split(files):
    yield "long", sorted(files & set(LONG))
    yield "short", sorted(files - set(LONG))


def judges(place):
    """The MCP server before judges that others wrote."""
    judges, tests = ROOT / "build" / "judges", ROOT / "tests" / "guest" / "judges"
    if check("installs the judges", run(sys.executable, tests / "install.py", judges) == 0):
        yield Stream("before the judges", place / "judges", tests, env=dict(os.environ, PYRO_TEST_JUDGES=str(judges)))


def python(place):
    """The Python package in a fresh environment, as pip installs its sdist; a tree with changes that are not committed,
    which no sdist has, is installed itself."""
    bin_ = place / "venv" / "bin"
    made = (run("/usr/bin/python3", "-m", "venv", "--system-site-packages", bin_.parent) == 0
            and run(bin_ / "pip", "install", "-q", "build") == 0
            and run(bin_ / "python", "-m", "build", "--sdist", "--outdir", place, ROOT, stdout=subprocess.DEVNULL) == 0)  # fmt: skip
    if not check("python -m build makes an sdist", made):
        return
    changed = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True).stdout
    source = ROOT if changed else next(place.glob("*.tar.gz"))
    if not check(f"pip installs {'the tree' if changed else 'the sdist'}, without a warning of the compiler",
                 run(bin_ / "pip", "install", "-q", source, "--config-settings=setup-args=-Dwerror=true") == 0):  # fmt: skip
        return
    check("brings the command", run(bin_ / "pyro", "--version") == 0)
    yield Stream("tests of the Python package", place / "python", ROOT / "tests" / "python", interpreter=bin_ / "python")


STEPS = (build, layers, unit, sanitize, fuzz, deb)
STREAMS = (guest, judges, python)


def timed(name, step, *arguments):
    started = time.monotonic()
    say(name)
    step(*arguments)
    say(f"{name} took {time.monotonic() - started:.0f} s")


def main():
    wanted = sys.argv[1:] or [step.__name__ for step in STEPS + STREAMS]
    for step in STEPS:
        if step.__name__ in wanted:
            timed(step.__name__, step)
    streams = [make for make in STREAMS if make.__name__ in wanted]
    if streams:
        timed(", ".join(make.__name__ for make in streams), run_streams, streams)
    line = f"{counts['passed']} passed, {counts['failed']} failed"
    print(line + (f", {counts['skipped']} skipped" if counts["skipped"] else ""))
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
