"""``modelaudit report``: what it writes, redacted and printed, and what it says where it cannot."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from report.sample_record import record

from modelaudit.acceptance.statement import write_evidence
from modelaudit.cli import main, pdf
from modelaudit.cli.pdf import BROWSERS, NoBrowserError, write_pdf
from modelaudit.evidence.record import read_record, write_record
from modelaudit.language.errors import ResultsError
from modelaudit.report.words import words_of

HAS_BROWSER = any(map(shutil.which, BROWSERS))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A record of which every case was not run, for that is consistent without tables."""
    folder = tmp_path / "machine place"
    folder.mkdir()
    cases = [one for one in record().cases if one.verdict is None]
    write_record(record(cases=cases, data=[], command="pytest canary_audits"), folder)
    return folder


def test_one_file_is_written_where_it_is_asked_for(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "report of ours.html"
    assert main(["report", str(run), "-o", str(target)]) == 0
    assert target.stat().st_size > 1000 and not (run / "report.html").exists()
    assert capsys.readouterr().out.strip() == str(target)


def test_a_redacted_report_is_written_next_to_the_whole_one(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run)]) == 0
    whole = (run / "report.html").read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["report", str(run), "--redact"]) == 0
    said = capsys.readouterr().out
    redacted = (run / "report-redacted.html").read_text(encoding="utf-8")
    assert "canary_audits" in whole and "canary" not in redacted
    assert (run / "report.html").read_text(encoding="utf-8") == whole
    salt = (run / "redaction-salt").read_text(encoding="utf-8").strip()
    assert salt not in redacted and "keep it apart from the report" in said
    assert main(["report", str(run), "--redact"]) == 0
    assert "keep it apart" not in capsys.readouterr().out
    assert (run / "report-redacted.html").read_text(encoding="utf-8") == redacted


def test_the_level_of_a_verification_stands_in_a_report_of_its_own(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer, target = tmp_path / "answer.json", tmp_path / "verified.html"
    assert main(["report", str(run)]) == 0
    write_evidence(read_record(run), run)
    assert main(["verify", str(run), "--json", str(answer)]) == 0
    capsys.readouterr()
    level = json.loads(answer.read_text(encoding="utf-8"))["level"]
    assert main(["report", str(run), "--verified", str(answer), "-o", str(target)]) == 0
    shown = words_of("en")._("verified_level", level=words_of("en").named("level", level))
    assert shown in target.read_text(encoding="utf-8")
    assert main(["report", str(run), "--verified", str(answer)]) == 2
    assert "give the report a file of its own" in capsys.readouterr().err


def test_an_answer_about_another_run_is_refused(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = tmp_path / "answer.json"
    answer.write_text(
        '{"format": "modelaudit verification", "level": "signed", "record_sha256": "0"}', encoding="utf-8"
    )
    assert main(["report", str(run), "--verified", str(answer), "-o", str(tmp_path / "r.html")]) == 2
    assert "it is about another run" in capsys.readouterr().err
    assert not (tmp_path / "r.html").exists()


def test_full_is_a_matter_of_printing(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run), "--full"]) == 2
    assert "add --pdf, or leave --full out" in capsys.readouterr().err


def test_without_a_browser_it_says_what_to_do(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(run))
    assert main(["report", str(run), "--pdf"]) == 2
    said = capsys.readouterr().err
    assert "install chromium, or open report.html in any browser" in said
    with pytest.raises(NoBrowserError):
        write_pdf("", run / "a.pdf", full=False)


@pytest.mark.parametrize(
    ("script", "limit", "said"),
    [
        ("exec sleep 60", 0.5, r"did not print within 0\.5 s; open report.html"),
        (
            "echo 'no display' >&2; exit 3",
            60,
            "ended with 3 and printed nothing; it said: no display; open report.html",
        ),
        ("exit 0", 60, "ended with 0 and printed nothing"),
    ],
)
def test_a_browser_that_fails_leaves_nothing(
    run: Path, monkeypatch: pytest.MonkeyPatch, script: str, limit: float, said: str
) -> None:
    own = run / "bin"
    own.mkdir()
    (own / "chromium").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (own / "chromium").chmod(0o755)
    monkeypatch.setenv("PATH", f"{own}:/usr/bin:/bin")
    with pytest.raises(ResultsError, match=said):
        write_pdf("<p>", run / "a.pdf", full=False, timeout_s=limit)
    assert not (run / "a.pdf").exists() and not list(run.glob("modelaudit-pdf-*"))


@pytest.mark.browser
@pytest.mark.skipif(not HAS_BROWSER, reason="no chromium, chrome or edge on the PATH")
@pytest.mark.parametrize("language", ["en", "ja"])
def test_it_prints_a_pdf_in_both_languages(run: Path, language: str) -> None:
    from pypdf import PdfReader

    assert main(["report", str(run), "--pdf", "--language", language]) == 0
    short = PdfReader(run / "report.pdf")
    assert main(["report", str(run), "--pdf", "--full", "--language", language]) == 0
    full = PdfReader(run / "report.pdf")
    assert 2 <= len(short.pages) < len(full.pages)
    text = short.pages[0].extract_text()
    assert {"en": "Audit report of an image classifier", "ja": "画像分類モデル監査報告書"}[language] in text
    assert {"en": "判定規則", "ja": "Decision rule"}[language] not in text, "one language on paper"
    assert links(full), "the contents of page one lead further"
    assert not any(word in str(links(full)) for word in ("file:", "machine", "report.html")), "and nowhere else"
    assert sorted(one.name for one in run.iterdir()) == ["report.pdf", "run.json"]


@pytest.mark.browser
@pytest.mark.skipif(not HAS_BROWSER, reason="no chromium, chrome or edge on the PATH")
def test_a_redacted_report_is_printed_too(run: Path) -> None:
    from pypdf import PdfReader

    assert main(["report", str(run), "--pdf", "--redact"]) == 0
    text = " ".join(page.extract_text() for page in PdfReader(run / "report-redacted.pdf").pages)
    assert "REDACTED" in text and "canary" not in text


def links(paper: object) -> list[object]:
    """Everything that a click on the PDF would open."""
    found: list[object] = []
    for page in paper.pages:  # type: ignore[attr-defined]
        found += [one.get_object() for one in page.get("/Annots", [])]
    return found


def test_browsers_are_those_of_the_chromium_family() -> None:
    assert {"chromium", "chromium-browser", "google-chrome", "chrome", "microsoft-edge"} <= set(pdf.BROWSERS)
