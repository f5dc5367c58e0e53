"""The wall clock of a guest that lives on, after the host has slept or its clock was set.

No test can put the host to sleep. What a supervisor sees of it afterwards is a wall clock that has gone on without the
monotonic one; that is what preload_shim.c shows it.
"""

import time

import pytest

from conftest import BASE
from test_hostile_client import Client, run


@pytest.fixture
def vm(pyro, api, shim, tmp_path, monkeypatch):
    """A VM whose supervisor believes the wall clock to be off by what is written to `clock`."""
    clock = tmp_path / "clock"
    vm_id = api.call("vm_create", environment=BASE, mem_mib=256, ttl_seconds=86400)["vm_id"]
    with monkeypatch.context() as patch:
        patch.setenv("PYRO_TEST_CLOCK", str(clock))
        patch.setenv("LD_PRELOAD", str(shim))
        assert api.call("vm_start", vm_id=vm_id)["boot_kind"] == "restored"
    client = Client(pyro, vm_id)
    yield client, clock
    client.close()
    api.call("vm_delete", vm_id=vm_id)
    pyro.assert_nothing_left()


def off_by(client, stream):
    """Seconds between the guest's clock and ours; a range, because asking takes time."""
    before = time.time()
    output, _ = run(client, "date", "+%s.%N", stream=stream)
    return float(output) - time.time(), float(output) - before


def test_the_next_command_sees_the_time_after_a_sleep_mock(vm):
    """Forwards by a night, and back again, which is somebody setting the clock."""
    client, clock = vm
    stream = 1
    for shift in (0, 8 * 3600, 0):
        clock.write_text(f"{shift}\n")
        low, high = off_by(client, stream)
        assert low - 0.5 <= shift <= high + 0.5, (low, high)
        stream += 1


def test_what_the_guest_has_set_itself_stays_mock(vm):
    """Corrections are for drift: a clock that somebody in the guest has set is theirs, until the host sleeps."""
    client, clock = vm
    run(client, "date", "-s", "2001-02-03", stream=1)
    low, _ = off_by(client, 2)
    assert low < -86400
    clock.write_text("3600\n")
    low, high = off_by(client, 3)
    assert low - 0.5 <= 3600 <= high + 0.5, (low, high)
