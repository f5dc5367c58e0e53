"""Templates that came to harm, or are of something else: never used, told once, made anew."""

import json
import shutil

import pytest

from templates import FILES, change, restamp

HARMS = ("written", "truncated", "missing", "touched")


@pytest.fixture(scope="module")
def copied(own, tmp_path_factory):
    """A template, and a copy of its files to take new ones from."""
    name = own.make()
    spare = tmp_path_factory.mktemp("spare")
    for file in FILES:
        shutil.copy2(own.templates / name / file, spare / file)
    yield own.templates / name, spare
    shutil.rmtree(spare)


@pytest.mark.parametrize("how", (*HARMS, "written, size and times kept"))
@pytest.mark.parametrize("file", FILES)
def test_each_harm_is_seen(own, copied, file, how):
    """Harm to the manifest that leaves all it says is none: it has no times to compare."""
    directory, spare = copied
    for name in FILES:
        if not (directory / name).exists() or name == "manifest.json" or name == file:
            (directory / name).unlink(missing_ok=True)
            shutil.copy2(spare / name, directory / name)
    restamp(directory)
    name = directory.name
    assert own.listed()[name]["usable"] is True
    change(directory / file, how)
    entry = own.listed().get(name, {"usable": False, "problem": file})
    if (file, how) == ("manifest.json", "touched"):
        assert entry["usable"] is True
    else:
        assert entry["usable"] is False and file in entry["problem"], entry


def older_format(manifest):
    manifest["of"]["format"] -= 1
    return json.dumps(manifest)


CASES = {
    "ram written, size and times kept": "its file ram was changed",
    "overlay.qcow2 missing": "its file overlay.qcow2 is missing",
    "manifest.json truncated": "its manifest.json is damaged",
    "of an older format": "its manifest.json is of something else",
}


@pytest.mark.parametrize("what", CASES)
def test_what_cannot_be_used_is_made_anew(own, what):
    """The guest boots and comes out right; doctor tells it once; the next one is a clone again."""
    name = own.make()
    own.findings()
    directory, made_at = own.templates / name, own.manifest(name)["made_at"]
    if what == "of an older format":
        text = older_format(own.manifest(name))
        (directory / "manifest.json").write_text(text)
    else:
        change(directory / what.split()[0], what.split(maxsplit=1)[1])
    told = own.start()
    assert (told["boot_kind"], told["boot_attempts"], told["boot_fallback"]) == ("cold", 1, None)
    own.settle()
    (finding,) = own.findings()
    assert name in finding["detail"] and CASES[what] in finding["detail"], finding
    assert own.findings() == []
    assert own.start()["boot_kind"] == "restored"
    assert own.names() == [name] and own.manifest(name)["made_at"] > made_at
    own.assert_whole()
