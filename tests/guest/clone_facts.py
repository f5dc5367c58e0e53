"""Runs in a guest, as `python3 -c`: prints as JSON all that two clones of one template may not share, or must."""

import glob
import hashlib
import json
import mmap
import os
import random
import socket
import time
import uuid

BLOCK = 1 << 20


def read(path):
    with open(path) as file:
        return file.read().strip()


def digest(path, flags=0):
    """Of a file's content; with O_DIRECT, as the disk has it."""
    sum_, fd = hashlib.md5(), os.open(path, os.O_RDONLY | flags)
    with mmap.mmap(-1, BLOCK) as block:
        while size := os.readv(fd, [block]):
            sum_.update(block[:size])
    os.close(fd)
    return sum_.hexdigest()


def processes():
    """Command lines of all that is not the kernel's, but for us."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        words = read(path)
        if words and int(path.split("/")[2]) != os.getpid():
            found.append(words.replace("\0", " ").strip())
    return found


def sockets():
    kinds = ("tcp", "tcp6", "udp", "udp6", "raw", "raw6", "unix", "packet", "netlink")
    lines = {kind: read(f"/proc/net/{kind}").splitlines()[1:] for kind in kinds}
    # The kernel's own and what every system has of netlink belong to process 0.
    lines["netlink"] = [line for line in lines["netlink"] if line.split()[2] != "0"]
    return {kind: found for kind, found in lines.items() if found}


def left_files():
    places = ("/tmp", "/var/tmp", "/dev/shm", "/workspace", "/run", "/run/lock", "/root", "/home")
    return {place: sorted(os.listdir(place)) for place in places}


def stack_address():
    """Of another program, with the addresses made random: under emulation they may be fixed, because that is faster."""
    with open("/proc/sys/kernel/randomize_va_space", "w") as file:
        file.write("2")
    with os.popen("cat /proc/self/maps") as maps:
        return next(line.split("-")[0] for line in maps if "[stack]" in line)


def uptime():
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    shown = float(read("/proc/uptime").split()[0])
    after = time.clock_gettime(time.CLOCK_BOOTTIME)
    booted = int(read("/proc/stat").split("btime ")[1].split()[0])
    return {"before": before, "shown": shown, "after": after, "booted": booted, "now": time.time(),
            "monotonic": time.monotonic()}  # fmt: skip


def disk():
    """What is cached (the warm-up ran some of it), and the same from the disk."""
    files = sorted(glob.glob("/bin/*sh") + glob.glob("/usr/bin/python3*") + glob.glob("/lib/*/libc.so*")
                   + glob.glob("/etc/*.conf") + ["/etc/passwd", "/etc/machine-id", "/usr/bin/find"])  # fmt: skip
    files = [path for path in files if os.path.isfile(path)]
    cached = {path: digest(path) for path in files}
    with open("/root/own", "w") as file:
        file.write(uuid.uuid4().hex * 4096)
    os.sync()
    own = digest("/root/own")
    direct = {path: digest(path, os.O_DIRECT) for path in files}
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("3")
    anew = {path: digest(path) for path in files}
    return {"cached": cached, "direct": direct, "anew": anew, "own": own, "own_anew": digest("/root/own")}


with open("/dev/urandom", "rb", buffering=0) as device:
    facts = {"urandom": device.read(32).hex()}
facts |= {
    "getrandom": os.getrandom(32).hex(),
    "uuid4": str(uuid.uuid4()),
    "random": random.getrandbits(128),
    "kernel_uuid": read("/proc/sys/kernel/random/uuid"),
    "boot_id": read("/proc/sys/kernel/random/boot_id"),
    "machine_id": read("/etc/machine-id"),
    "hostname": [socket.gethostname(), read("/etc/hostname"), os.uname().nodename],
    "hosts": read("/etc/hosts"),
    "mac": read("/sys/class/net/eth0/address"),
    "processes": processes(),
    "sockets": sockets(),
    "left_files": left_files(),
    "uptime": uptime(),
    "disk": disk(),
    "stack_address": stack_address(),
}
print(json.dumps(facts))
