"""docs/first-run.md is a real transcript: its commands are played again and print the same."""

import pytest

import transcript
from conftest import BUILD


def test_the_first_run_prints_what_the_page_shows(bare, tmp_path):
    steps = transcript.commands(transcript.PAGE.read_text())
    assert len(steps) > 8
    pulled = bare.run("env", "pull", "debian:12", timeout=900)
    assert pulled.returncode == 0, pulled.stderr.decode()
    bare.settle()
    outputs = transcript.play(steps, BUILD, {**bare.env}, tmp_path)
    for (command, shown), printed in zip(steps, outputs, strict=True):
        assert transcript.normal(printed) == transcript.normal(shown), f"$ {command}"
    bare.assert_nothing_left()


@pytest.mark.parametrize("line", ["hello from the guest", "exit status 4", "ws-0123456789abcdef is here"])
def test_a_difference_is_seen(line):
    page = "```console\n$ command\n" + line + "\n```\n"
    assert transcript.commands(page) == [["command", line + "\n"]]
    assert transcript.normal(line) != transcript.normal(line.replace("guest", "host").replace("4", "5").replace("is", "was"))
