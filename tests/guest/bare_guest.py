"""One guest in plain QEMU with nothing but the agent in its initrd, driven over its port from here: no supervisor, no jail."""

import os
import pathlib
import select
import shutil
import socket
import subprocess
import time

import frames

BOOT_SECONDS = 60
ANSWER_SECONDS = 60


def newc(name, mode, content):
    """One member of an initramfs; the kernel accepts several archives one after the other."""
    path = name.encode() + b"\0"
    header = b"070701" + b"".join(b"%08X" % value for value in
                                  (1, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path), 0))
    padded = header + path + bytes(-(len(header) + len(path)) % 4)
    return padded + content + bytes(-len(content) % 4)


class Result:
    def __init__(self):
        self.stdout, self.stderr = bytearray(), bytearray()
        self.pid = self.kind = self.value = self.duration_us = None
        self.credited = 0  # what the guest gave back for stdin

    @property
    def over(self):
        return self.kind is not None


class Guest:
    """With `path`, QEMU listens there and the caller connects; else the two ends of a socket pair are joined for good.
    With `network`, there is a network card with nobody at the other end."""

    def __init__(self, installation, directory, memory_mib=512, path=None, network=False):
        """`installation`: kernel, environment's directory, agent and further kernel words (conftest.Installation)."""
        environment, agent, directory = installation.directory, installation.agent, pathlib.Path(directory)
        self.console = directory / "console.log"
        initrd = directory / "initrd"
        initrd.write_bytes((environment / "modules.cpio").read_bytes()
                           + newc("init", 0o100755, pathlib.Path(agent).read_bytes()) + newc("TRAILER!!!", 0, b""))
        disk = directory / "disk.qcow2"
        shutil.copy(environment / "overlay.qcow2", disk)
        (directory / "rootfs.ext4").symlink_to(environment.resolve() / "rootfs.ext4")  # the overlay names it relatively
        self.path = path
        self.socket, theirs = socket.socketpair()
        channel = f"socket,id=agent,path={path},server=on,wait=off" if path else f"socket,id=agent,fd={theirs.fileno()}"
        self.socket.setblocking(False)
        card = ["-netdev", "hubport,id=net,hubid=0", "-device", "virtio-net-device,netdev=net"] if network else []
        self.started = time.monotonic()
        self.qemu = subprocess.Popen(
            ["qemu-system-x86_64", "-M", "microvm", "-accel", "tcg,thread=multi", "-cpu", "max,-erms", "-m", str(memory_mib),
             "-nodefaults", "-no-user-config", "-display", "none", "-serial", f"file:{self.console}", "-no-reboot",
             "-kernel", str(installation.kernel), "-initrd", str(initrd),
             "-append", "console=ttyS0 quiet reboot=t panic=-1" + installation.kernel_words,
             "-drive", f"id=root,file={disk},format=qcow2,if=none,cache=unsafe", "-device", "virtio-blk-device,drive=root",
             "-device", "virtio-serial-device", "-chardev", channel,
             "-device", "virtserialport,chardev=agent,name=pyro.agent", *card], pass_fds=[theirs.fileno()], cwd=environment)
        theirs.close()
        self.decoder = frames.Decoder()
        self.results, self.vm_frames, self.next_stream = {}, [], 1
        self.give_credit = True
        self.outgoing = bytearray()

    def close(self):
        self.socket.close()
        self.qemu.kill()
        self.qemu.wait()

    def connect(self):
        """Only with `path`: a new connection, which starts with nothing known about the guest."""
        self.socket.close()
        self.socket = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            try:
                self.socket.connect(str(self.path))
                break
            except OSError:
                assert time.monotonic() < deadline, "QEMU does not listen"
                time.sleep(0.01)
        self.socket.setblocking(False)
        self.decoder, self.results, self.vm_frames, self.outgoing = frames.Decoder(), {}, [], bytearray()

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.qemu.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def console_text(self):
        return self.console.read_text(errors="replace") if self.console.exists() else "(QEMU did not start)"

    def send(self, data):
        self.outgoing += data

    def turn(self, seconds):
        """Sends and receives what is possible now, waiting at most so long for something to happen."""
        readable, writable, _ = select.select([self.socket], [self.socket] if self.outgoing else [], [], seconds)
        if writable:
            del self.outgoing[:self.socket.send(self.outgoing[:1 << 20])]
        if readable:
            data = self.socket.recv(1 << 20)
            if not data:
                raise EOFError("the guest is gone; its console: " + self.console_text())
            for item in self.decoder.feed(data):
                self.take(*item)

    def take(self, kind, stream, channel, payload):
        if stream == 0:
            self.vm_frames.append((kind, payload))
            return
        result = self.results[stream]
        assert not result.over, "a frame after EXITED"
        if kind == frames.STARTED:
            result.pid = int.from_bytes(payload, "little")
        elif kind == frames.DATA and channel == frames.STDOUT:
            result.stdout += payload
        elif kind == frames.DATA and channel == frames.STDERR:
            result.stderr += payload
        elif kind == frames.CREDIT and channel == frames.STDIN:
            result.credited += int.from_bytes(payload, "little")
        elif kind == frames.EXITED:
            result.kind, result.value, result.duration_us = frames.parse_exited(payload)
        else:
            raise AssertionError(f"unexpected frame {kind} on channel {channel}")
        if kind == frames.DATA and self.give_credit and payload:
            self.send(frames.credit(stream, channel, len(payload)))

    def wait(self, condition, seconds=ANSWER_SECONDS):
        deadline = time.monotonic() + seconds
        while not condition():
            left = deadline - time.monotonic()
            assert left > 0, "not in time; the guest's console: " + self.console_text()
            self.turn(left)

    def quiet(self, seconds):
        """Returns once nothing has come for so long."""
        while select.select([self.socket], [self.socket] if self.outgoing else [], [], seconds)[:2] != ([], []):
            self.turn(0)

    def vm_frame(self, kind, seconds=ANSWER_SECONDS):
        self.wait(lambda: any(item[0] == kind for item in self.vm_frames), seconds)
        index = next(i for i, item in enumerate(self.vm_frames) if item[0] == kind)
        return self.vm_frames.pop(index)[1]

    def start(self, *words, **options):
        stream, self.next_stream = self.next_stream, self.next_stream + 1
        self.results[stream] = Result()
        self.send(frames.execute(stream, words, **options))
        return stream, self.results[stream]

    def finish(self, stream, seconds=ANSWER_SECONDS):
        result = self.results[stream]
        self.wait(lambda: result.over, seconds)
        return result

    def run(self, *words, **options):
        return self.finish(self.start(*words, **options)[0])

    def write(self, stream, data, last=True):
        """stdin within what the window allows: waits for credit when it is used up. Then its end, unless there is more to come."""
        result, sent = self.results[stream], 0
        while sent < len(data) and not result.over:
            room = frames.WINDOW + result.credited - sent
            piece = data[sent:sent + min(room, frames.PAYLOAD_MAX)]
            if piece:
                self.send(frames.frame(frames.DATA, stream, frames.STDIN, piece))
                sent += len(piece)
            else:
                before = result.credited
                self.wait(lambda: result.credited > before or result.over)
        if last:
            self.send(frames.frame(frames.DATA, stream, frames.STDIN))

    def setup(self, hostname="guest-one", network=None):
        self.send(frames.setup(time.time_ns(), os.urandom(64), hostname, os.urandom(16).hex(), network))
        return frames.parse_setup_done(self.vm_frame(frames.SETUP_DONE))

    def seal(self):
        self.send(frames.frame(frames.SEAL))
        assert self.vm_frame(frames.SEALED) == b""
