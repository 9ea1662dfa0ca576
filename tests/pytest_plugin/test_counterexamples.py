"""Counterexamples in sessions: found and written by one, tried first by the next."""

from __future__ import annotations

import hashlib
import json
import os
import re
import textwrap

import pytest
from counterexamples.stored import stored
from pytest_plugin.runs import Line

from modelaudit.cli import main
from modelaudit.counterexamples.stored_case import case_text, read_case

PLAIN = """
    right = Audit(model=Colour(), classes=CLASSES, data=samples(), preprocessing=Preprocessing()).expect(accuracy > 0.5)
"""


def test_files_that_cannot_be_tried_are_named_and_change_nothing(line: Line) -> None:
    line.audit(PLAIN)
    other = line.write("counterexamples/other.json", case_text(stored()))
    line.write("counterexamples/damaged.json", "{")
    result = line.run()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["*CANNOT REPLAY: counterexamples/damaged.json (*", "*CANNOT REPLAY: counterexamples/o*"]
    )
    record = line.record()
    assert [(one.file, one.state) for one in record.replays] == [
        ("counterexamples/damaged.json", "cannot_replay"),
        ("counterexamples/other.json", "cannot_replay"),
    ]
    digests = {one.path: one.sha256 for one in record.provenance.files if one.role == "counterexample"}
    assert digests["counterexamples/other.json"] == hashlib.sha256(other.read_bytes()).hexdigest()
    assert len(digests) == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes and devices here")
def test_a_device_or_a_pipe_in_the_place_of_a_file_is_named_and_never_read(line: Line) -> None:
    """Reading a device without an end took all memory: its digest was made before anybody looked what it is."""
    line.audit(PLAIN)
    folder = line.path / "counterexamples"
    folder.mkdir()
    os.mkfifo(folder / "pipe.json")
    (folder / "device.json").symlink_to("/dev/null")
    line.run().assert_outcomes(passed=1)
    record = line.record()
    assert [(one.state, "no regular file" in one.why) for one in record.replays] == [("cannot_replay", True)] * 2
    digests = {one.path: one.sha256 for one in record.provenance.files if one.role == "counterexample"}
    assert digests == {"counterexamples/device.json": None, "counterexamples/pipe.json": None}


def test_a_quick_look_tries_none(line: Line) -> None:
    line.audit(PLAIN)
    line.write("counterexamples/damaged.json", "{")
    result = line.run("--audit-limit=4")
    assert line.record().replays == [] and "REPLAY" not in result.stdout.str()


#: answers by the centre of the image, unless something white lies on the left edge of its surroundings
FOOLED = """
    class Fooled(nn.Module):
        def __init__(self, whole=False):
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(4.0))
            self.whole = whole

        def forward(self, images):
            seen = images[:, :, 4:8, 4:8].mean((2, 3))[:, :2]
            cue = (images[:, :, :, :2].amin(1) > 0.9).float().mean((1, 2)) > 0.3
            return self.scale * torch.where(cue[:, None] & (not self.whole), seen.flip(1), seen)

    WHITE = surroundings(colours=["white"], donors=None, stops=0, kelvin=[])
"""
SEARCH = """
    import torch
    from torch import nn
    from fooled import *
    line_a = Audit(model=Fooled(whole={whole}), classes=CLASSES, data={data}, preprocessing=Preprocessing(), seed=1)
    keeps = line_a.expect(worst_change(search=WHITE, calls=40) < 0.5)
"""
HEAD = "import torch\nfrom torch import nn\nfrom modelaudit.contexts import surroundings\n"


@pytest.fixture
def fooled(line: Line) -> Line:
    (line.path / "fooled.py").write_text(HEAD + textwrap.dedent(FOOLED), encoding="utf-8")
    line.photos(8)
    return line


def search(line: Line, *args: str, whole: bool = False, data: str = '"folder:photos?masks=masks"') -> pytest.RunResult:
    line.audit(SEARCH.format(whole=whole, data=data))
    return line.run(*args)


def files(line: Line) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted((line.path / "counterexamples").glob("*"))}


def test_the_smallest_are_kept_replayed_and_told_when_they_are_fixed(fooled: Line) -> None:
    search(fooled).assert_outcomes(failed=1)
    first, kept = fooled.record(), files(fooled)
    assert len(first.counterexamples) == 8 and len(kept) == 5 and first.replays == []
    for name in kept:
        one = read_case(fooled.path / "counterexamples" / name)
        assert one.name == name and one.pictures is not None and one.case == "audit_line.py::keeps"
        assert one.model.before != one.model.after and 0 < one.change.area < 1
        assert one.change.long_form != one.change.context

    result = search(fooled)
    result.assert_outcomes(failed=1)
    assert [one.state for one in fooled.record().replays] == ["still_fails"] * 5
    result.stdout.fnmatch_lines(["Stored counterexamples: 5 STILL FAILS", "  STILL FAILS: counterexamples/keeps-*"])
    assert files(fooled) == kept

    result = search(fooled, whole=True)
    result.assert_outcomes(passed=1)
    assert [one.state for one in fooled.record().replays] == ["fixed"] * 5
    result.stdout.fnmatch_lines(["Stored counterexamples: 5 FIXED"])
    assert files(fooled) == kept


def test_an_image_that_was_exchanged_cannot_be_replayed(fooled: Line) -> None:
    search(fooled, "--audit-counterexamples=8")
    (fooled.path / "photos" / "red" / "00.png").write_bytes((fooled.path / "photos" / "red" / "02.png").read_bytes())
    search(fooled)
    states = [one.state for one in fooled.record().replays]
    assert sorted(set(states)) == ["cannot_replay", "still_fails"] and states.count("cannot_replay") == 1
    (why,) = (one.why for one in fooled.record().replays if one.state == "cannot_replay")
    assert "another" in why


def test_no_edit_of_a_file_makes_a_value_better(fooled: Line) -> None:
    search(fooled)
    value = fooled.record().cases[0].decision
    for file in (fooled.path / "counterexamples").iterdir():
        one = read_case(file)
        harmless = one.change.model_copy(update={"context": "background_patch(0, 0, 0.1, 0.1, grey, dose=0)"})
        file.write_text(case_text(one.model_copy(update={"change": harmless}).sealed()), encoding="utf-8")
    search(fooled).assert_outcomes(failed=1)
    assert fooled.record().cases[0].decision == value


def test_a_run_that_may_not_write_says_so_and_goes_on(fooled: Line) -> None:
    (fooled.path / "counterexamples").write_text("a file of ours", encoding="utf-8")
    result = search(fooled)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["The counterexamples found were not kept: counterexamples cannot be written *"])
    assert any(note.startswith("counterexamples: ") for note in fooled.record().notes)


def test_what_measures_nothing_or_decides_nothing_writes_nothing(fooled: Line) -> None:
    search(fooled, "--collect-only")
    search(fooled, "--audit-limit=4")
    search(fooled, "--audit-counterexamples=0")
    search(fooled, "-k", "other")
    assert files(fooled) == {}


def test_redacted_runs_keep_no_pictures(fooled: Line) -> None:
    search(fooled, "--audit-redact")
    names = files(fooled)
    assert names and all(read_case(fooled.path / "counterexamples" / name).pictures is None for name in names)


def test_the_controller_writes_what_workers_found(fooled: Line) -> None:
    search(fooled, "-n", "2").assert_outcomes(failed=1)
    kept = files(fooled)
    assert len(kept) == 5
    result = search(fooled, "-n", "2")
    result.stdout.fnmatch_lines(["Stored counterexamples: 5 STILL FAILS"])
    assert files(fooled) == kept


def test_the_command_says_what_a_run_says(fooled: Line, capsys: pytest.CaptureFixture[str]) -> None:
    search(fooled)
    folder = fooled.path / "counterexamples"
    file = next(folder.iterdir())
    capsys.readouterr()
    assert main(["replay", str(file)]) == 1
    said = capsys.readouterr().out
    assert "STILL FAILS" in said and "audit_line.py::keeps" in said and "is enough" not in said
    assert re.search(r"now: (red|green) \(\d+%\) becomes (red|green)", said)
    fooled.audit(SEARCH.format(whole=True, data='"folder:photos?masks=masks"'))
    assert main(["replay", str(folder)]) == 0
    assert "FIXED" in capsys.readouterr().out
    assert main(["replay", str(file), "--json"]) == 0
    ((one,),) = ([each["replays"][0] for each in json.loads(capsys.readouterr().out)["cases"]],)
    assert one["state"] == "fixed" and one["before"][0] == one["after"][0]
    file.write_text("{", encoding="utf-8")
    assert main(["replay", str(file)]) == 2
    assert "CANNOT REPLAY" in capsys.readouterr().out
