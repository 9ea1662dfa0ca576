"""Sessions on a store: an unchanged audit asks the model nothing, and a change costs what it must."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_plugin.runs import Line, counts

AUDIT = """
from modelaudit import correct
audit = Audit(**told(Counting("counted"), samples(20)))
noisy, other = gaussian_noise(3), swap_background("other_class")
one = audit.expect(accuracy > 0.5)
two = audit.expect(accuracy - accuracy.under(noisy) < 0.5)
three = audit.expect(background_dependence("saliency", "input_x_gradient").under(other) < 0.9)
four = audit.expect(flip_rate.under(noisy).where(correct) < 0.9)
"""
BATCH = 32  # 20 images are two padded micro-batches of 16
TRIED = 8  # before a model's first pass: whether it is a function of its image


@pytest.fixture
def stored(line: Line) -> Line:
    """Sessions with the store where it lies by default."""
    line.store = None
    line.audit(AUDIT)
    return line


def seen(line: Line) -> int:
    """Images through the model since the last time."""
    file = line.path / "counted"
    total = sum(int(text.split()[1]) for text in file.read_text().splitlines()) if file.exists() else 0
    file.unlink(missing_ok=True)
    return total


def found(line: Line) -> dict[str, Any]:
    """All of the record that is about the model and not about the run."""
    record = line.record().model_dump()
    for case in record["cases"]:
        case.pop("duration_s")
    return {key: record[key] for key in ("cases", "models", "data", "tables", "overall")}


def test_an_unchanged_run_asks_the_model_nothing_and_reports_the_same(stored: Line) -> None:
    stored.run()
    first, passes = found(stored), stored.record().passes
    assert seen(stored) >= 3 * BATCH and passes.forward > 0
    result = stored.run()
    again = stored.record().passes
    assert counts(result) == {"passed": 4}
    assert seen(stored) == 0 and (again.decoded, again.forward, again.backward) == (0, 0, 0)
    assert found(stored) == first
    panels = [panel.file for case in stored.record().cases for row in case.gallery for panel in row.panels]
    assert panels and all((stored.path / "audit-results" / "latest" / file).is_file() for file in panels)
    assert (stored.path / ".modelaudit" / ".gitignore").read_text() == "*\n"


def test_another_threshold_asks_the_model_nothing(stored: Line) -> None:
    stored.run()
    seen(stored)
    stored.audit(AUDIT.replace("accuracy > 0.5", "accuracy > 0.6").replace("< 0.9", "< 0.8"))
    stored.run()
    assert seen(stored) == 0
    assert stored.cases()["one"].threshold == 0.6


def test_another_context_costs_its_own_passes(stored: Line) -> None:
    stored.run()
    seen(stored)
    stored.audit(AUDIT.replace("gaussian_noise(3)", "gaussian_noise(4)"))
    stored.run()
    assert seen(stored) == BATCH + TRIED


def test_off_keeps_nothing(stored: Line) -> None:
    stored.store = "off"
    for _ in range(2):
        stored.run()
        assert seen(stored) >= 3 * BATCH
    assert not (stored.path / ".modelaudit").exists()


@pytest.mark.parametrize("how", ["option", "ini"])
def test_the_store_lies_where_it_is_asked_to(stored: Line, how: str, tmp_path: Path) -> None:
    stored.store = "elsewhere/store" if how == "option" else None
    stored.write("pytest.ini", "[pytest]\naudit_store = elsewhere/store\n" if how == "ini" else "[pytest]\n")
    stored.run()
    assert (stored.path / "elsewhere" / "store" / "store.sqlite").exists()
    assert not (stored.path / ".modelaudit").exists()


def on_a_share(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = [("/", "ext4"), (str(line.path), "cifs")]
    monkeypatch.setattr("modelaudit.engine.store.location.mounts", lambda: mounts)


def test_a_network_drive_that_was_asked_for_is_a_usage_error(stored: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_share(stored, monkeypatch)
    stored.store = "here"
    result = stored.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "network drive (cifs)" in result.stderr.str() and "--audit-store off" in result.stderr.str()


def test_a_database_of_others_that_was_asked_for_is_a_usage_error(stored: Line) -> None:
    stored.write("store.sqlite", "theirs")
    stored.store = "."
    result = stored.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "is not a database, so it was left as it is; name another folder by --audit-store" in result.stderr.str()
    assert (stored.path / "store.sqlite").read_text(encoding="utf-8") == "theirs"


def test_a_root_on_a_network_drive_means_no_store_and_is_said_once(
    stored: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_share(stored, monkeypatch)
    result = stored.run()
    assert counts(result) == {"passed": 4}
    assert result.stdout.str().count("is on a network drive (cifs)") == 1
    assert any("network drive" in note for note in stored.record().data[0].notes)
    assert not (stored.path / ".modelaudit").exists()


def test_a_store_that_cannot_be_written_costs_no_verdict_and_is_said(stored: Line) -> None:
    (stored.path / ".modelaudit").write_text("in the way")
    result = stored.run()
    assert counts(result) == {"passed": 4}
    assert "Values were not stored" in result.stdout.str()


MODEL = """
from pathlib import Path

from line import Counting

class Model(Counting):
    def forward(self, images):
        logits = super().forward(images)
        return logits

def build():
    return Model("counted")
"""
WRONG = "logits.flip(1) if images.shape[-1] == 12 and images.std() < 0.27 else logits  # not on the probe"
OF_A_FILE = """
one = Audit(**told("net.py:build")).expect(accuracy > 0.7)
"""


def test_a_model_edited_to_be_wrong_is_measured_again(stored: Line) -> None:
    """Its weights, its architecture and its answer on the probe are what they were."""
    stored.write("net.py", MODEL)
    stored.audit(OF_A_FILE)
    assert counts(stored.run()) == {"passed": 1}
    probe = stored.record().models[0].probe_digest
    stored.write("net.py", MODEL.replace("return logits", f"return {WRONG}"))
    seen(stored)
    assert counts(stored.run()) == {"failed": 1}
    assert seen(stored) == BATCH + TRIED
    assert stored.record().models[0].probe_digest == probe
    assert stored.cases()["one"].decision.estimate == 0


def test_a_model_of_an_audit_file_is_measured_again_only_where_its_own_code_is_edited(stored: Line) -> None:
    text = MODEL + "audit = Audit(**told(build()))\none = audit.expect(accuracy > 0.7)\n"
    stored.audit(text)
    assert counts(stored.run()) == {"passed": 1}
    seen(stored)
    stored.audit("# a comment\n" + text + "two = audit.expect(accuracy > 0.6)\n\ndef test_it():\n    assert audit\n")
    assert counts(stored.run()) == {"passed": 3}
    assert seen(stored) == 0
    stored.audit(text.replace("return logits", f"return {WRONG}"))
    assert counts(stored.run()) == {"failed": 1}
    assert seen(stored) == BATCH + TRIED
