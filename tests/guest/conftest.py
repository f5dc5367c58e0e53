"""The guest tests' one fixture: the real `pyro` with a home of its own, and what a failed test leaves to read.

PYRO_TEST_BUILD   directory with pyro, pyro-supervisor, pyro-agent, libpyro.so (default: build/)
PYRO_TEST_HOME    a home to use and keep; without it, one is made and removed
PYRO_TEST_PULLED  a home that several runs share for their one pull of debian:12-base
"""

import contextlib
import ctypes
import fcntl
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

BUILD = pathlib.Path(
    os.environ.get("PYRO_TEST_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build")
)
BASE = "debian:12-base"
OURS = ("qemu-system", "passt", "pyro-supervisor", "pyro-template", "bwrap")
# What the tests start most: their templates are there before the first test, so that none is made behind a test that
# looks at processes. Whoever wants another shape waits for its template (settle) or does without (COLD).
SHAPES = ((), ("--mem-mib", "256"), ("--network",), ("--mem-mib", "256", "--network"),
          ("--vcpu-count", "2", "--mem-mib", "512"))  # fmt: skip
COLD = {"PYRO_TEMPLATES": "off"}


def wait_until(condition, seconds=10.0, what="the condition"):
    """Polls until `condition()` is true; its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not come true within {seconds} s")
        time.sleep(0.02)


# Whoever loses its parent becomes our child: so all that a test started can be found, and nothing else.
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def processes():
    """{pid: name} of our descendants that are part of a VM."""
    parents, names = {}, {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                head, tail = (entry / "stat").read_text().rsplit(")", 1)
            except OSError:
                continue
            state, parent = tail.split()[:2]
            if state != "Z":
                parents[int(entry.name)] = int(parent)
                names[int(entry.name)] = head.split("(", 1)[1]

    def is_ours(pid):
        while pid > 1:
            pid = parents.get(pid, 0)
            if pid == os.getpid():
                return True
        return False

    return {pid: name for pid, name in names.items() if name.startswith(OURS) and is_ours(pid)}


class PyroError(Exception):
    def __init__(self, code, message, hint):
        super().__init__(f"{code}: {message} ({hint})")
        self.code, self.message, self.hint = code, message, hint


class Pyro:
    """Runs the command with one home, and knows what it may not leave behind."""

    def __init__(self, home, logs):
        self.home, self.logs = pathlib.Path(home), pathlib.Path(logs)
        self.program = BUILD / "pyro"
        self.env = dict(
            os.environ, PYRO_HOME=str(home), PYRO_LOG_DIR=str(logs), PYRO_LIBEXEC=str(BUILD)
        )
        self.before = processes()

    def popen(self, *words, env=None, **keywords):
        keywords.setdefault("stdin", subprocess.DEVNULL)
        keywords.setdefault("stdout", subprocess.PIPE)
        keywords.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen(
            [str(self.program), *words], env={**self.env, **(env or {})}, **keywords
        )

    def run(self, *words, input=None, timeout=240, env=None, **keywords):
        if input is not None:
            keywords["stdin"] = subprocess.PIPE
        with self.popen(*words, env=env, **keywords) as process:
            try:
                out, err = process.communicate(input, timeout=timeout)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def guest(self, *command, **keywords):
        """`pyro run debian:12-base -- command`."""
        return self.run("run", BASE, "--", *command, **keywords)

    def json(self, *words, **keywords):
        result = self.run(*words, "--json", **keywords)
        return json.loads(result.stdout)

    def run_json(self, *command, flags=(), env=None):
        result = self.run("run", BASE, *flags, "--json", "--", *command, env=env)
        return json.loads(result.stdout)

    def processes(self):
        return {pid: name for pid, name in processes().items() if pid not in self.before}

    def process(self, name):
        """Pid of the one new process of that name, waited for. Of our own daemons, not the process that starts it and ends."""

        def is_meant(pid):
            try:
                parent = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1]
            except OSError:
                return False
            return not name.startswith("pyro-") or int(parent) == os.getpid()

        def find():
            return [pid for pid, n in self.processes().items() if n.startswith(name) and is_meant(pid)]

        return wait_until(find, 20, f"a {name} process")[0]

    def settle(self, seconds=120):
        """Waits until no template is being made any more."""

        def is_quiet():
            return "pyro-template" not in self.processes().values()

        wait_until(is_quiet, seconds, "the end of making templates")

    def rows(self):
        if not (self.home / "store.sqlite").exists():
            return []
        query = subprocess.run(
            ["sqlite3", "-readonly", "-cmd", ".timeout 5000", self.home / "store.sqlite",
             "select vm_id, state from vms"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return query.stdout.split()

    def bundles(self):
        return sorted(p.name for p in (self.home / "vms").glob("*"))

    def leftovers(self):
        return {
            key: value
            for key, value in (
                ("processes", self.processes()),
                ("bundles", self.bundles()),
                ("rows", self.rows()),
            )
            if value
        }

    def assert_nothing_left(self, seconds=2.0):
        deadline = time.monotonic() + seconds
        while self.leftovers() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert self.leftovers() == {}


class Api:
    """The C API through ctypes, as a program that links libpyro would use it."""

    class Error(ctypes.Structure):
        _fields_ = [
            ("code", ctypes.c_int),
            ("errnum", ctypes.c_int),
            ("field", ctypes.c_char * 64),
            ("message", ctypes.c_char * 1536),
            ("hint", ctypes.c_char * 512),
        ]

    class Options(ctypes.Structure):
        _fields_ = [("home", ctypes.c_char_p), ("libexec", ctypes.c_char_p)]

    def __init__(self, home):
        self.library = ctypes.CDLL(str(BUILD / "libpyro.so.2"))
        self.library.pyro_error_name.restype = ctypes.c_char_p
        self.context = ctypes.c_void_p()
        error = self.Error()
        options = self.Options(str(home).encode(), str(BUILD).encode())
        self._check(
            self.library.pyro_open(
                ctypes.byref(options), ctypes.byref(self.context), ctypes.byref(error)
            ),
            error,
        )

    def _check(self, result, error):
        if result != 0:
            name = self.library.pyro_error_name(error.code).decode()
            raise PyroError(name, error.message.decode(), error.hint.decode())

    def call(self, operation, **parameters):
        error, text = self.Error(), ctypes.c_char_p()
        self._check(
            self.library.pyro_call(
                self.context, operation.encode(), json.dumps(parameters).encode(), None,
                ctypes.byref(text), ctypes.byref(error),
            ),
            error,
        )  # fmt: skip
        result = json.loads(text.value)
        self.library.pyro_free(text)
        return result

    def close(self):
        self.library.pyro_close(self.context)


@pytest.fixture(scope="session")
def home():
    given = os.environ.get("PYRO_TEST_HOME")
    path = pathlib.Path(given or tempfile.mkdtemp(prefix="pyro-test-home-"))
    path.mkdir(parents=True, exist_ok=True)
    yield path
    if not given:
        shutil.rmtree(path, ignore_errors=True)


def copy_pulled(home):
    """Several runs share one pull of debian:12-base: the first of them does it, all copy it."""
    shared = os.environ.get("PYRO_TEST_PULLED")
    slug = "environments/debian-12-base"
    if not shared or (home / slug).exists():
        return
    pathlib.Path(shared).mkdir(mode=0o700, exist_ok=True)
    with open(pathlib.Path(shared) / "test.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = Pyro(shared, tempfile.gettempdir()).run("env", "pull", BASE, timeout=900, env=COLD)
        assert result.returncode == 0, result.stderr.decode()
    shutil.copytree(pathlib.Path(shared) / slug, home / slug, copy_function=shutil.copy2)


@pytest.fixture(scope="session")
def base(home):
    """debian:12-base, installed once, with the templates of SHAPES."""
    copy_pulled(home)
    pyro = Pyro(home, tempfile.gettempdir())
    result = pyro.run("env", "pull", BASE, timeout=900)
    assert result.returncode == 0, result.stderr.decode()
    for shape in SHAPES:
        result = pyro.run("run", BASE, *shape, "--", "true")
        assert result.returncode == 0, result.stderr.decode()
        pyro.settle()
    return BASE


class Installation:
    """What a bare QEMU needs to boot debian:12-base with our agent."""

    def __init__(self, home):
        entry = Pyro(home, tempfile.gettempdir()).json("env", "inspect", BASE)
        self.directory = pathlib.Path(entry["install_dir"])
        self.kernel, self.agent = entry["kernel_image"], BUILD / "pyro-agent"
        cached = json.loads((home / "cache" / "host.json").read_text())
        khz = cached["verdicts"]["tsc"]["khz"]
        self.kernel_words = f" tsc_early_khz={khz} tsc=reliable" if khz else ""


@pytest.fixture(scope="session")
def installation(home, base):
    Pyro(home, tempfile.gettempdir()).run("doctor")  # fills the cache of the host's verdicts
    return Installation(home)


def end(pids):
    """Kills what may be ending by itself: a process that was listed a moment ago need not be there any more."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def bare(home, tmp_path, request):
    """`pyro` on the shared home, with nothing pulled. Whatever it started is ended afterwards."""
    logs = tmp_path / "logs"
    logs.mkdir()
    pyro = Pyro(home, logs)
    request.node.pyro_logs = logs
    yield pyro
    end(pyro.processes())


@pytest.fixture
def pyro(base, bare):
    """`pyro` with debian:12-base there."""
    return bare


@pytest.fixture
def empty(tmp_path, request):
    """`pyro` with an empty home of its own."""
    logs = tmp_path / "logs"
    logs.mkdir()
    request.node.pyro_logs = logs
    yield Pyro(tmp_path / "home", logs)


@pytest.fixture(scope="module")
def own(base, home, tmp_path_factory, request):
    """`pyro` with templates that are a test file's own, so that they may come to harm."""
    from templates import Own  # which needs this file

    own = Own(tmp_path_factory.mktemp("own"), home)
    yield own
    end(own.processes())
    own.remove()


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    """preload_shim.c, for LD_PRELOAD."""
    from templates import compile_c

    return compile_c("preload_shim.c", tmp_path_factory.mktemp("shim") / "shim.so", "-shared", "-fPIC", "-ldl")


@pytest.fixture
def api(home, pyro):
    api = Api(home)
    yield api
    api.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds console, QEMU and supervisor logs to the report of a failed test."""
    outcome = yield
    report = outcome.get_result()
    logs = getattr(item, "pyro_logs", None)
    if report.when == "call" and report.failed and logs:
        for path in sorted(logs.rglob("*.log")):
            text = path.read_bytes()[-8000:].decode(errors="replace")
            if text:
                report.sections.append((str(path.relative_to(logs)), text))
