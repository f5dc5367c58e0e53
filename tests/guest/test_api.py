"""The vm_* operations through the C API: states, errors, time limits."""

import os
import signal
import threading
import time

import pytest

from conftest import BASE, Api, PyroError, wait_until

RECORD = {
    "vm_id", "environment", "state", "vcpu_count", "mem_mib", "ttl_seconds", "created_at",
    "expires_at", "network_enabled", "allow_host_compat", "execution_mode", "accelerator",
    "isolation", "boot_ms", "boot_kind",
}  # fmt: skip


def refused(code, call, *arguments, **parameters):
    with pytest.raises(PyroError) as caught:
        call(*arguments, **parameters)
    assert caught.value.code == code, caught.value
    assert caught.value.message
    return caught.value


def test_the_life_of_a_vm(pyro, api):
    vm = api.call("vm_create", environment=BASE)
    assert RECORD <= vm.keys()
    assert (vm["state"], vm["execution_mode"]) == ("created", "pending")
    assert (vm["vcpu_count"], vm["mem_mib"]) == (1, 1024) and vm["boot_ms"] is None
    vm_id = vm["vm_id"]
    refused("wrong_state", api.call, "vm_exec", vm_id=vm_id, command="true")
    refused("wrong_state", api.call, "vm_stop", vm_id=vm_id)

    vm = api.call("vm_start", vm_id=vm_id)
    assert (vm["state"], vm["execution_mode"], vm["boot_kind"]) == ("started", "guest", "restored")
    assert vm["boot_ms"] > 0
    refused("wrong_state", api.call, "vm_start", vm_id=vm_id)
    assert api.call("vm_status", vm_id=vm_id) == vm
    network = api.call("vm_network_info", vm_id=vm_id)
    assert network["network_enabled"] is False and network["guest_ip"] is None

    vm = api.call("vm_stop", vm_id=vm_id)
    assert vm["state"] == "stopped"
    wait_until(lambda: not pyro.processes(), 2, "the end of the VM's processes")

    vm = api.call("vm_start", vm_id=vm_id)
    assert (vm["state"], vm["boot_kind"]) == ("started", "cold")  # its own disk fits no template
    result = api.call("vm_exec", vm_id=vm_id, command="echo $0; exit 4")
    assert result["exit_code"] == 4 and result["stdout"] == "/bin/sh\n"
    assert result["cleanup"] == {"deleted": True} and result["vm_id"] == vm_id
    refused("unknown_vm", api.call, "vm_status", vm_id=vm_id)
    pyro.assert_nothing_left()


def test_a_vm_outlives_its_creator_and_serves_another(pyro, home):
    one, two = Api(home), Api(home)
    vm_id = one.call("vm_create", environment=BASE, mem_mib=256)["vm_id"]
    one.call("vm_start", vm_id=vm_id)
    one.close()
    result = two.call("vm_exec", vm_id=vm_id, command=["printf", "%s|", "a b", "c"])
    assert result["stdout"] == "a b|c|"
    two.close()
    pyro.assert_nothing_left()


def test_exec_limits(pyro, api):
    vm_id = api.call("vm_create", environment=BASE, mem_mib=256)["vm_id"]
    api.call("vm_start", vm_id=vm_id)
    result = api.call("vm_exec", vm_id=vm_id, command="echo so far; sleep 1000", timeout_seconds=2)
    assert (result["exit_code"], result["timed_out"]) == (124, True)
    assert result["stdout"] == "so far\n"
    pyro.assert_nothing_left()


def test_delete_and_unknown_ids(pyro, api):
    vm_id = api.call("vm_create", environment=BASE, mem_mib=256)["vm_id"]
    assert api.call("vm_delete", vm_id=vm_id) == {"vm_id": vm_id, "deleted": True}
    for operation in ("vm_start", "vm_stop", "vm_delete", "vm_status", "vm_network_info"):
        error = refused("unknown_vm", api.call, operation, vm_id=vm_id)
        assert vm_id in error.message
    refused("unknown_vm", api.call, "vm_status", vm_id="../../etc")
    running = api.call("vm_create", environment=BASE, mem_mib=256)["vm_id"]
    api.call("vm_start", vm_id=running)
    assert api.call("vm_delete", vm_id=running)["deleted"] is True
    pyro.assert_nothing_left()


def test_kill_9_of_a_supervisor_shows_in_the_status(pyro, api):
    vm_id = api.call("vm_create", environment=BASE, mem_mib=256)["vm_id"]
    api.call("vm_start", vm_id=vm_id)
    os.kill(pyro.process("pyro-supervisor"), signal.SIGKILL)
    wait_until(lambda: not pyro.processes(), 2, "the end of QEMU")
    assert api.call("vm_status", vm_id=vm_id)["state"] == "stopped"
    assert api.call("vm_start", vm_id=vm_id)["state"] == "started"
    api.call("vm_delete", vm_id=vm_id)
    pyro.assert_nothing_left()


def test_reaping(pyro, api):
    keep = api.call("vm_create", environment=BASE, mem_mib=256)["vm_id"]
    idle = api.call("vm_create", environment=BASE, mem_mib=256, ttl_seconds=1)
    live = api.call("vm_create", environment=BASE, mem_mib=256, ttl_seconds=30)["vm_id"]
    started = api.call("vm_start", vm_id=live)
    wait_until(lambda: time.time() > idle["expires_at"], 5, "the end of an idle VM's time")
    assert idle["vm_id"] in api.call("vm_reap_expired")["reaped_vm_ids"]
    wait_until(lambda: not pyro.processes(), 40, "the end of the time to live")
    assert time.time() >= started["expires_at"]
    reaped = api.call("vm_reap_expired")
    assert reaped == {"reaped_vm_ids": [live], "count": 1}
    assert api.call("vm_reap_expired")["count"] == 0
    api.call("vm_delete", vm_id=keep)
    pyro.assert_nothing_left()


def test_network_info(pyro, api):
    vm_id = api.call("vm_create", environment=BASE, mem_mib=256, network=True)["vm_id"]
    info = api.call("vm_network_info", vm_id=vm_id)
    assert info["network_enabled"] is True and info["backend"] == "passt"
    assert info["guest_ip"] and info["gateway"] and info["dns"]
    api.call("vm_start", vm_id=vm_id)
    command = "cat /sys/class/net/eth0/address; cat /etc/resolv.conf; cat /proc/net/fib_trie"
    seen = api.call("vm_exec", vm_id=vm_id, command=command)["stdout"]
    assert info["mac"] in seen and info["guest_ip"] in seen and info["dns"][0] in seen
    pyro.assert_nothing_left()


def test_bad_parameters_are_all_named(api):
    error = refused("invalid_parameter", api.call, "vm_create", environmnt=BASE, vcpu_count=0,
                    mem_mib="much")  # fmt: skip
    for word in ("environmnt", "environment", "vcpu_count", "mem_mib"):
        assert word in error.message
    error = refused("unknown_environment", api.call, "vm_create", environment="debian:12-bas")
    assert "debian:12-base" in error.message + error.hint
    error = refused("not_enough_memory", api.call, "vm_create", environment=BASE, mem_mib=1 << 23)
    assert error.hint
    refused("unknown_operation", api.call, "vm_rnu")


def test_starting_twice_at_once_starts_once(pyro, home):
    api = Api(home)
    vm_id = api.call("vm_create", environment=BASE, mem_mib=256)["vm_id"]
    outcomes = []

    def start():
        mine = Api(home)
        try:
            outcomes.append(mine.call("vm_start", vm_id=vm_id)["state"])
        except PyroError as error:
            outcomes.append(error.code)
        mine.close()

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["started", "wrong_state", "wrong_state"]
    api.call("vm_delete", vm_id=vm_id)
    api.close()
    pyro.assert_nothing_left()


def test_a_disk_is_not_started_on_another_base(pyro, api):
    """The environment was built anew since: what the overlay holds would not fit."""
    vm_id = api.call("vm_create", environment=BASE, mem_mib=256)["vm_id"]
    path = pyro.home / "vms" / vm_id / "config.json"
    path.write_text(path.read_text().replace("sha256:", "sha256:0"))
    error = refused("wrong_state", api.call, "vm_start", vm_id=vm_id)
    assert "built anew" in error.message and error.hint
    api.call("vm_delete", vm_id=vm_id)
    pyro.assert_nothing_left()
