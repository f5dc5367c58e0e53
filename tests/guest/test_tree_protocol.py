"""The agent's commands about trees in a real guest: what the unit tests cannot see, and the second implementation of their records."""

import os

import pytest

import bare_guest
import frames

ROOT = "/workspace"
SECOND = 10**9


@pytest.fixture(scope="module")
def guest(tmp_path_factory, installation):
    guest = bare_guest.Guest(installation, tmp_path_factory.mktemp("guest"))
    guest.vm_frame(frames.READY, bare_guest.BOOT_SECONDS)
    assert guest.setup() == (0, "")
    yield guest
    guest.close()


def tree(guest, *words, stream=None):
    """Runs one of the agent's commands; `stream` is its stdin."""
    number, result = guest.start(*words, stdin=stream is not None, own=True)
    if stream is not None:
        guest.write(number, stream)
    return guest.finish(number)


def told(result):
    assert (result.kind, result.value, bytes(result.stderr)) == (frames.EXIT_CODE, 0, b"")
    assert result.pid
    records = frames.parse_tree(result.stdout)
    assert records.pop() == (frames.END, None)
    return records


def listed(guest, root=ROOT):
    return {item["path"]: item for kind, item in told(tree(guest, "list", root)) if kind == frames.ENTRY}


def sh(guest, script):
    result = guest.run("/bin/sh", "-c", script)
    assert (result.kind, result.value) == (frames.EXIT_CODE, 0), bytes(result.stderr)
    return bytes(result.stdout)


def test_there_and_back(guest):
    large = os.urandom(5 << 20)  # past the page cache
    stream = (frames.entry(frames.DIRECTORY, "d", 0o755) + frames.tree_file("d/large", large, 0o600, 7 * SECOND + 9)
              + frames.tree_file(b"d/odd\n\xff", b"content", 0o751, -SECOND) + frames.entry(frames.SYMLINK, "s", 0o777, target="d")
              + frames.entry(frames.LINK, "hard", target=b"d/odd\n\xff") + frames.times("d", 0o1777, 5) + frames.end())
    results = told(tree(guest, "receive", ROOT, "", "new", stream=stream))
    assert [(kind, what[0]) for kind, what in results] == [(frames.RESULT, 0)] * 5
    assert sh(guest, f"cd {ROOT} && cat hard && stat -c '%a %u %Y %h' hard d") == b"content751 0 -1 2\n1777 0 0 2\n"
    found = listed(guest)
    assert set(found) == {b"d", b"d/large", b"d/odd\n\xff", b"s", b"hard"}
    assert (found[b"d"]["mtime_ns"], found[b"d/large"]["mtime_ns"]) == (5, 7 * SECOND + 9)
    assert found[b"hard"]["inode"] == found[b"d/odd\n\xff"]["inode"] == results[4][1][1] == results[2][1][1]
    assert found[b"d/large"]["ctime_ns"] == results[1][1][2], "the RESULT says what a later look finds"
    assert found[b"hard"]["ctime_ns"] == results[4][1][2]
    sent = told(tree(guest, "send", ROOT, "d/large"))
    assert sent[0][1]["path"] == b"" and sent[0][1]["size"] == len(large) and sent[-1] == (frames.DONE, 0)
    assert b"".join(what[1] for kind, what in sent if kind == frames.TREE_DATA) == large


def test_nobody_sees_a_half(guest):
    """Somebody looks all the time at a file that is replaced over and over."""
    sh(guest, f"mkdir -p {ROOT} && printf 00000000 >{ROOT}/watched")
    watcher, result = guest.start("/bin/sh", "-c", f"cd {ROOT} && while [ -e watched ] && ! [ -e stop ]; do read -r x <watched || :; "
                                  "case $x in ????????) ;; *) echo bad \"$x\"; exit 1; esac; done; [ -e stop ]")
    stream = b"".join(frames.tree_file("watched", b"%08d" % i) for i in range(300))
    told(tree(guest, "receive", ROOT, "", "merge", stream=stream + frames.tree_file("stop", b"") + frames.end()))
    guest.finish(watcher)
    assert (result.value, bytes(result.stdout)) == (0, b"")
    assert sh(guest, f"ls -A {ROOT} | grep pyro- | wc -l") == b"0\n"


def test_killed_while_it_receives(guest):
    before = set(listed(guest))
    number, result = guest.start("receive", ROOT, "", "merge", stdin=True, own=True)
    stream = frames.entry(frames.FILE, "half", 0o644, 1 << 20) + frames.tree_data(0, bytes(frames.PAYLOAD_MAX))
    for at in range(0, len(stream), frames.PAYLOAD_MAX):
        guest.send(frames.frame(frames.DATA, number, frames.STDIN, stream[at:at + frames.PAYLOAD_MAX]))
    guest.wait(lambda: result.credited >= frames.PAYLOAD_MAX)
    guest.send(frames.frame(frames.KILL, number))
    guest.finish(number)
    assert (result.kind, result.value) == (frames.EXIT_SIGNAL, 9)
    assert set(listed(guest)) == before


def test_mount_points_and_devices_are_told_only(guest):
    sh(guest, f"mkdir -p {ROOT}/mnt {ROOT}/dir && mount -t tmpfs none {ROOT}/mnt && touch {ROOT}/mnt/x && mknod {ROOT}/dev c 1 3")
    found = listed(guest)
    assert found[b"mnt"]["kind"] == found[b"dev"]["kind"] == frames.OTHER and found[b"dir"]["kind"] == frames.DIRECTORY
    assert b"mnt/x" not in found
    sh(guest, f"umount {ROOT}/mnt")


def test_no_way_out(guest):
    sh(guest, f"mkdir -p {ROOT} /secret && echo secret >/secret/file && ln -sfn /secret {ROOT}/out")
    for words in (("receive", ROOT, "out", "merge"), ("send", ROOT, "out/file")):
        result = tree(guest, *words, stream=frames.tree_file("file", b"x") + frames.end())
        assert (result.value, bytes(result.stdout)) == (1, b"") and b"it leads outside" in result.stderr
    result = tree(guest, "receive", ROOT, "", "merge", stream=frames.tree_file("out/file", b"x") + frames.end())
    assert result.value == 1 and bytes(result.stderr).startswith(b"cannot write out/file: ")
    questions = frames.entry(frames.FILE, "out/file", size=100) + frames.entry(frames.FILE, "out", size=100) + frames.end()
    answers = told(tree(guest, "fetch", ROOT, stream=questions))
    assert [what["kind"] for _, what in answers] == [frames.MISSING, frames.SYMLINK]
    assert sh(guest, "cat /secret/file") == b"secret\n"


def test_no_room(guest):
    sh(guest, "mkdir -p /small && mount -t tmpfs -o size=256k none /small")
    result = tree(guest, "receive", "/small", "", "merge", stream=frames.tree_file("a/b", b"") + frames.end())
    assert result.value == 1 and bytes(result.stderr) == b"cannot write a/b: No such file or directory\n"
    result = tree(guest, "receive", "/small", "", "merge", stream=frames.tree_file("big", bytes(1 << 20)) + frames.end())
    assert result.value == 1 and bytes(result.stderr) == b"cannot write big: No space left on device\n"
    assert frames.parse_tree(result.stdout)[-1][1][0] == 28
    assert listed(guest, "/small") == {}
