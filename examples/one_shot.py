"""One command in a machine of its own, from Python: result, output as it comes, time limit, errors.

    python examples/one_shot.py
"""

from pyro_mcp import Pyro, PyroError

ENVIRONMENT = "debian:12-base"

# The first use of an environment builds it, which takes a while; on_progress is told what is going on.
pyro = Pyro(on_progress=lambda step: print(f"[{step['phase']}] {step['message']}"))

# A str runs under /bin/sh -lc. A command that fails is no error: its exit code is part of the result.
result = pyro.run_in_vm(ENVIRONMENT, command="echo out; echo err >&2; exit 3")
print("exit code", result["exit_code"])
print("stdout", repr(result["stdout"]), "stderr", repr(result["stderr"]))
print("isolation", result["isolation"], "after", round(result["boot_ms"] or 0), "ms")

# A list is an argument vector, which nobody splits or expands. on_output gets bytes as they are written.
pyro.run_in_vm(
    ENVIRONMENT,
    command=["printf", "<%s>", "two words", "$HOME"],
    on_output=lambda stream, data: print(stream, data),
)

# At the end of its time, all that the command has started is killed.
result = pyro.run_in_vm(ENVIRONMENT, command="sleep 60", timeout_seconds=2)
print("timed out", result["timed_out"], "exit code", result["exit_code"])

# What pyro cannot do is an exception, with a stable code and the text that the command prints.
try:
    pyro.run_in_vm("debian:12-bse", command="true")
except PyroError as error:
    print("error", error.code, "-", error)
