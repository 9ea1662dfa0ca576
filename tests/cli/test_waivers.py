"""``modelaudit waivers``: what is listed, what is checked, and what a signature is put under."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from acceptance.openssl import private_key

from modelaudit.cli import main

AUDIT = """
model: torchscript:models/parts.ts
data: folder:photos?masks=none
classes: [blue, red]
expect:
  right: {that: accuracy > 0.9, importance: critical}
  sure: {that: confidence > 0.5}
"""
SURE = """
- expectation: audits/parts.audit.yaml::sure
  owner: Tanaka
  reason: The lamps are replaced.
  issued: 2026-01-01T00:00:00+09:00
  expires: 2999-01-01T00:00:00+09:00
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Audits of a model and of data that are not there: nothing here opens them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "audits").mkdir()
    (tmp_path / "audits" / "parts.audit.yaml").write_text(AUDIT, encoding="utf-8")
    (tmp_path / "audits" / "waivers.yaml").write_text(SURE, encoding="utf-8")
    return tmp_path


def said_of(project: Path, text: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    (project / "audits" / "waivers.yaml").write_text(text, encoding="utf-8")
    status = main(["waivers", "check"])
    return status, " ".join(capsys.readouterr().out.split())


def test_all_are_listed_and_checked(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["waivers", "list"]) == 0
    said = capsys.readouterr().out
    assert "parts.audit.yaml::sure  in force  2999-01-01 00:00 +0900  Tanaka" in said
    assert said_of(project, SURE, capsys) == (0, "audits/waivers.yaml: waivers: 1, all in force")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("::sure", "::right", "audits/waivers.yaml:2: expectation: audits/parts.audit.yaml::right is critical"),
        ("parts.audit", "other.audit", "no expectation is 'audits/other.audit.yaml::sure'"),
        ("2999-01", "2026-02", "audits/waivers.yaml:2: audits/parts.audit.yaml::sure: expired"),
        ("2026-01", "2998-01", "sure: not yet in force"),
    ],
)
def test_what_does_not_count_is_named(
    project: Path, old: str, new: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, text = said_of(project, SURE.replace(old, new), capsys)
    assert status == 1 and said in text


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", "audits/waivers.yaml：特例1件はすべて有効です"),
        ("::sure", "::right", "parts.audit.yaml::rightは重要度がcriticalのため、特例の対象にできません"),
        (
            "::sure",
            "::sore",
            "'audits/parts.audit.yaml::sore'という要求事項はありません（もしかして：'audits/parts.audit",
        ),
        ("2999-01", "2026-02", "waivers.yaml:2：audits/parts.audit.yaml::sure：期限切れ（発行2026-01-01"),
        ("2026-01", "2998-01", "sure：まだ有効ではありません"),
    ],
)
def test_it_is_said_in_japanese(
    project: Path, old: str, new: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "pytest.ini").write_text("[pytest]\naudit_language = ja\n", encoding="utf-8")
    assert said.replace(" ", "") in said_of(project, SURE.replace(old, new), capsys)[1].replace(" ", "")
    assert main(["waivers", "list", "--language", "ja"]) == 0
    first, heading, _ = capsys.readouterr().out.splitlines()
    assert first == "audits/waivers.yaml：特例1件" and heading.split() == ["要求事項", "状態", "期限", "責任者"]


def test_the_waivers_that_are_named_are_signed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = str(private_key(project / "customer.pem"))
    assert main(["waivers", "sign", "--key", key, "audits/parts.audit.yaml::sore"]) == 2
    assert "did you mean 'audits/parts.audit.yaml::sure'?" in capsys.readouterr().err
    assert main(["waivers", "sign", "--key", key, "audits/parts.audit.yaml::sure"]) == 0
    assert "signed 1 of 1 waivers: audits/waivers.dsse" in capsys.readouterr().out
    assert main(["waivers", "sign", "--key", key, "--language", "ja"]) == 0
    assert "特例1件のうち1件に署名しました：audits/waivers.dsse" in capsys.readouterr().out
    assert len(json.loads((project / "audits" / "waivers.dsse").read_text())) == 1
    (project / "audits" / "waivers.yaml").unlink()
    assert main(["waivers", "list"]) == 2
