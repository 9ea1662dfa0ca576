"""``modelaudit review``: the page is written, and what cannot be reviewed is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from report.reviewed_record import PICTURES, reviewed_record
from report.sample_record import record

from modelaudit.cli import main
from modelaudit.evidence.record import write_record


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A record of which every case was not run, for that is consistent without tables; one has pictures."""
    folder = tmp_path / "run"
    folder.mkdir()
    made = reviewed_record(folder)
    first, *others = [one for one in record().cases if one.verdict is None]
    cases = [first.model_copy(update={"gallery": made.cases[0].review}), *others]
    write_record(record(cases=cases, data=[], models=made.models), folder)
    return folder


def test_the_page_is_written_and_the_next_step_said(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "page.html"
    assert main(["review", str(run / "run.json"), "-o", str(target), "--language", "ja", "--seed", "3"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == [str(target), f"画像{PICTURES}枚"]
    assert "review add" in said[2]
    page = target.read_text(encoding="utf-8")
    assert '<html lang="ja">' in page and '"seed": 3' in page


def test_what_cannot_be_reviewed_is_an_error_and_writes_nothing(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "page.html"
    for file in (run / "images").iterdir():
        file.unlink()
    assert main(["review", str(run), "-o", str(target)]) == 2
    assert "is missing or cannot be read" in capsys.readouterr().err
    assert main(["review", str(tmp_path), "-o", str(target)]) == 2
    assert not target.exists()
    with pytest.raises(SystemExit):
        main(["review", str(run), "--seed", "-1"])
