"""VMs that live on: the first start may be from a template, every later one is from the VM's own disk."""

import fcntl
import os
import threading

from conftest import BASE, Api, wait_until
from test_hostile_client import Client, run


def in_guest(pyro, vm_id, script):
    client = Client(pyro, vm_id)
    output, exit_value = run(client, "sh", "-c", script, stream=1)
    client.close()
    return output, exit_value


def test_the_second_start_boots_from_its_own_disk(pyro, api):
    vm_id = api.call("vm_create", environment=BASE, mem_mib=256)["vm_id"]
    assert api.call("vm_start", vm_id=vm_id)["boot_kind"] == "restored"
    in_guest(pyro, vm_id, "echo kept >/root/mark")
    api.call("vm_stop", vm_id=vm_id)
    assert api.call("vm_start", vm_id=vm_id)["boot_kind"] == "cold"
    assert in_guest(pyro, vm_id, "cat /root/mark")[0] == b"kept\n"
    api.call("vm_delete", vm_id=vm_id)
    pyro.assert_nothing_left()


def test_a_start_that_waited_for_a_template_keeps_a_disk_that_came_meanwhile(own, monkeypatch):
    """Start B waits for a maker; A, which does without templates, boots the VM and stops it; B must not start a clone then."""
    api, other = Api(own.home), Api(own.home)
    name = own.make("--mem-mib", "256")
    vm_id = api.call("vm_create", environment=BASE, mem_mib=256)["vm_id"]
    aside, use = own.home / "aside", own.templates / f"{name}.use"
    (own.templates / name).rename(aside)
    use.unlink()
    results = []
    with open(own.templates / f"{name}.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.utime(lock.name)
        waiting = threading.Thread(target=lambda: results.append(other.call("vm_start", vm_id=vm_id)))
        waiting.start()
        wait_until(use.exists, what="start B to look for the template")
        with monkeypatch.context() as patch:
            patch.setenv("PYRO_TEMPLATES", "off")
            assert api.call("vm_start", vm_id=vm_id)["boot_kind"] == "cold"
            in_guest(own, vm_id, "echo kept >/root/mark")
            api.call("vm_stop", vm_id=vm_id)
        aside.rename(own.templates / name)
    waiting.join()
    assert results and results[0]["boot_kind"] == "cold"
    assert in_guest(own, vm_id, "cat /root/mark")[0] == b"kept\n"
    api.call("vm_delete", vm_id=vm_id)
    api.close()
    other.close()
    own.assert_nothing_left()
