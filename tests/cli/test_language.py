"""The language of the command line: what is typed, else what pytest's configuration says, else English."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cli.photos import line

from modelaudit.cli import main
from modelaudit.cli.terminal import language_of

CONFIGURATIONS = {
    "pytest.ini": "[pytest]\naudit_language = ja\n",
    "pyproject.toml": '[tool.pytest.ini_options]\naudit_language = "ja"\n',
    "tox.ini": "[pytest]\naudit_language = ja\n",
    "setup.cfg": "[tool:pytest]\naudit_language = ja\n",
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_every_configuration_of_pytest_is_read_and_what_is_typed_stands_above_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_text(CONFIGURATIONS[name], encoding="utf-8")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert language_of(None) == "ja"
    assert language_of("en") == "en"


def test_without_a_configuration_it_is_english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert language_of(None) == "en"


@pytest.mark.parametrize(
    ("text", "says"),
    [("[pytest]\naudit_language = jp\n", "audit_language = jp: use en or ja"), ("no section", "pytest.ini")],
)
def test_a_configuration_that_is_wrong_is_named(
    text: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pytest.ini").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["report"]) == 2
    assert says in capsys.readouterr().err


def test_a_command_speaks_japanese_and_keeps_its_english_error_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naudit_language = ja\n", encoding="utf-8")
    monkeypatch.chdir(line(tmp_path / "line").parent)
    assert main(["data", "check", "line"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[1] == "  画像6枚（うち使用可能6枚）、ラベル2種、マスク6枚"
    assert said[-1] == "問題はありません"
    assert [one for one in said[1:] if re.search("[a-z]{4}", one) and "bolt" not in one] == []
    assert main(["data", "check", "nowhere"]) == 2
    first, second, *_ = capsys.readouterr().err.splitlines()
    assert first.startswith("modelaudit: folder:nowhere：フォルダが見つかりません（探した場所：/")
    assert second.startswith("  folder:nowhere: no folder at ")
    assert main(["data", "check", "nowhere", "--language", "en"]) == 2
    assert capsys.readouterr().err.startswith("modelaudit: folder:nowhere: no folder at ")
