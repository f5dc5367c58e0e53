#!/usr/bin/env python3
"""Records a session of pyro in a terminal and draws it: docs/first-minute.svg.

    bench/picture.py    PYRO_HOME names a home with debian:12; PYRO_BENCH_BUILD the build directory (default: build)

Every line is what the commands printed, and appears as long after its command as it did; between a command and the
next there is time to read. What shows no animation shows all lines.
"""

import fcntl
import html
import os
import pathlib
import pty
import re
import struct
import subprocess
import tempfile
import termios
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("PYRO_BENCH_BUILD", ROOT / "build"))
PICTURE = ROOT / "docs" / "first-minute.svg"
COLUMNS, READING_SECONDS = 100, 1.6
LINE, CHARACTER, MARGIN = 19, 8.43, 16
PREPARE = r"mkdir project; printf 'def answer():\n    return 41\n' >project/answer.py"
COMMANDS = (
    "pyro run debian:12 -- sh -c 'uname -sr; id -un; git --version'",
    "echo 'print(6 * 7)' | pyro run debian:12 -- python3 -",
    "pyro workspace create debian:12 --seed-path project",
    "pyro workspace exec {id} -- sed -i s/41/42/ answer.py",
    "pyro workspace diff {id}",
    "pyro workspace delete {id}",
)
COLOURS = {"1": "#ffffff", "31": "#ff7b72", "32": "#7ee787", "36": "#79c0ff"}
PLAIN, DIM, BACKGROUND = "#c9d1d9", "#8b949e", "#0d1117"
TOKEN = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])|(\r)|(\n)|([^\x1b\r\n])")


class Screen:
    """What a command shows: lines of (character, colour), and when each changed last."""

    def __init__(self):
        self.lines, self.times, self.column, self.colour = [[]], [0.0], 0, PLAIN

    def feed(self, text, seconds):
        for parameters, final, back, newline, character in TOKEN.findall(text):
            if final == "m":
                self.colour = COLOURS.get(parameters, PLAIN)
            elif final == "K":
                del self.lines[-1][self.column :]
            elif back:
                self.column = 0
            elif newline:
                self.lines.append([])
                self.times.append(seconds)
                self.column = 0
            elif character:
                self.put(character, seconds)

    def put(self, character, seconds):
        line = self.lines[-1]
        line.extend([(" ", PLAIN)] * (self.column + 1 - len(line)))
        line[self.column] = (character, self.colour)
        self.column += 1
        self.times[-1] = seconds

    def shown(self):
        count = max((number for number, line in enumerate(self.lines, 1) if line), default=0)
        return list(zip(self.lines[:count], self.times[:count], strict=True))

    def text(self):
        return "\n".join("".join(character for character, _ in line) for line in self.lines)


def record(command, directory):
    """Runs it in a terminal; its screen, and how long it took."""
    terminal, ours = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    env = {**os.environ, "PATH": f"{BUILD}:{os.environ['PATH']}", "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    screen, started = Screen(), time.monotonic()
    process = subprocess.Popen(["bash", "--norc", "-c", command], cwd=directory, env=env, stdin=subprocess.DEVNULL,
                               stdout=ours, stderr=ours)  # fmt: skip
    os.close(ours)
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # nobody has the other end any more
            break
        screen.feed(data.decode(errors="replace"), time.monotonic() - started)
    os.close(terminal)
    if process.wait(timeout=60) != 0:
        raise SystemExit(f"picture: $ {command}\n{screen.text()}")
    return screen, time.monotonic() - started


def session():
    """All lines with the time they appear at."""
    lines, now, workspace = [], 0.5, ""
    with tempfile.TemporaryDirectory() as directory:
        record(PREPARE, directory)
        for command in COMMANDS:
            command = command.format(id=workspace)
            screen, seconds = record(command, directory)
            workspace = workspace or "".join(re.findall(r"^ws-[0-9a-f]+$", screen.text(), re.MULTILINE)[:1])
            lines.append(([("$", DIM), (" ", DIM), *((letter, "#ffffff") for letter in command)], now))
            lines += [(line, now + at) for line, at in screen.shown()]
            now += seconds + READING_SECONDS
    return lines


def spans(line):
    """The line as runs of one colour."""
    runs = []
    for character, colour in line:
        if runs and runs[-1][1] == colour:
            runs[-1][0] += character
        else:
            runs.append([character, colour])
    return "".join(f'<tspan fill="{colour}">{html.escape(text)}</tspan>' for text, colour in runs)


def draw(lines):
    width, height = COLUMNS * CHARACTER + 2 * MARGIN, len(lines) * LINE + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" height="{height}" '
        'role="img" aria-label="A session of pyro in a terminal">',
        "<style>text{font:14px ui-monospace,Menlo,Consolas,monospace;white-space:pre;animation:show 1ms both}"
        "@keyframes show{from{opacity:0}to{opacity:1}}</style>",
        f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>',
    ]
    for index, (line, at) in enumerate(lines):
        y = MARGIN + index * LINE + 14
        parts.append(f'<text x="{MARGIN}" y="{y}" xml:space="preserve" style="animation-delay:{at:.2f}s">{spans(line)}</text>')
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(draw(session()))
    print(f"picture: {PICTURE.relative_to(ROOT)}")
