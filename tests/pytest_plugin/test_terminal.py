"""What a session prints at its end, by options, widths, colours and languages."""

from __future__ import annotations

import io
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from _pytest.terminal import TerminalReporter
from pytest_plugin.runs import Line
from report.sample_record import record

from modelaudit.evidence.record import RunRecord
from modelaudit.language.text_layout import columns_of
from modelaudit.pytest_plugin.hyperlinks import hyperlinks_work
from modelaudit.pytest_plugin.terminal import summarise
from modelaudit.report.first_page import verdict_texts
from modelaudit.report.words import words_of

FOUR = """
import pytest
audit = Audit(**told())
passes = audit.expect(accuracy > 0.5)
fails = Audit(**told(wrong())).expect(accuracy > 0.5, clause="4.2")
too_few = audit.expect(accuracy > 0.99)
errs = Audit(**told("missing.py:build")).expect(accuracy > 0.5)
"""
HEADS = re.compile(r"(verdict|FAIL|ERROR|INCONCLUSIVE|PASS|caught|and) ")


class Shown(io.StringIO):
    """A file with an encoding, which may be a terminal."""

    def __init__(self, terminal: bool = False, encoding: str = "utf-8") -> None:
        super().__init__()
        self._terminal, self._encoding = terminal, encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        return self._terminal


def last_section(
    pytester: pytest.Pytester,
    *typed: str,
    run: RunRecord | None = None,
    language: str = "en",
    file: Shown | None = None,
    report: str = "audit-results/1/report.html",
) -> str:
    """The last section as pytest's own reporter prints it with these options."""
    shown = Shown() if file is None else file
    reporter = TerminalReporter(pytester.parseconfig(*typed), shown)
    reporter.config.pluginmanager.register(reporter, "terminalreporter")
    summarise(reporter, run or record(), language=language, complaint="", report=Path(report))
    return shown.getvalue()


@pytest.mark.parametrize(
    ("typed", "rows"),
    [
        ((), ["verdict", "FAIL", "ERROR", "INCONCLUSIVE", "PASS", "caught"]),
        (("-v",), ["verdict", "FAIL", "ERROR", "INCONCLUSIVE", "PASS", "caught"]),
        (("-q",), ["verdict", "FAIL", "ERROR", "INCONCLUSIVE", "and"]),
        (("-qq",), []),
        (("--tb=no", "-rN"), ["verdict", "FAIL", "ERROR", "INCONCLUSIVE", "PASS", "caught"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_quiet_session_tells_less(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, typed: tuple[str, ...], rows: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    lines = last_section(pytester, *typed).splitlines()
    table = lines[1 : lines.index("")] if "" in lines else []
    assert [found[1] for line in table if (found := HEADS.match(line))] == rows
    assert "ERROR: 1 ERROR, 1 FAIL, 1 INCONCLUSIVE, 1 PASS, 1 not run" in lines
    prose = " ".join(" ".join(lines).split())
    assert verdict_texts(record(), words_of("en"))[0] in prose and " 1 of 5 requirements is met; " in prose
    assert lines[-1] == "report: audit-results/1/report.html"


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("width", [80, 120])
def test_lines_end_within_the_width_and_the_path_is_whole(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, width: int, language: str
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    path = f"/results/{'deep/' * 30}report.html"
    *lines, report = last_section(pytester, language=language, report=path).splitlines()
    assert max(map(columns_of, lines)) <= width
    assert report.endswith(f": {path}")


def test_the_language_is_that_of_every_line(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    text = last_section(pytester, language="ja")
    for said in ("判定", "不合格", "判定不能", "約310枚", "既知不良モデル", "レポート: "):
        assert said in text
    assert not re.search(r"\b(PASS|FAIL|INCONCLUSIVE|requirement|verdict|report:)\b", text)


@pytest.mark.parametrize(
    ("typed", "environment", "coloured"),
    [
        ((), {}, True),
        (("--color=no",), {}, False),
        ((), {"NO_COLOR": "1"}, False),
        ((), {"TERM": "dumb"}, False),
        (("--color=yes",), {}, True),
    ],
)
def test_verdicts_have_colours_only_where_the_user_wants_them(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    typed: tuple[str, ...],
    environment: dict[str, str],
    coloured: bool,
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "PY_COLORS", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    text = last_section(pytester, *typed, file=Shown(terminal=True))
    assert ("\x1b[31mFAIL\x1b[0m          survives" in text) is coloured
    assert ("\x1b" in text) is coloured


def test_a_console_without_some_characters_shows_the_rest(pytester: pytest.Pytester) -> None:
    text = last_section(pytester, language="ja", file=Shown(encoding="cp932"))
    assert "判定不能" in text and "0.29~0.33" in text.replace("～", "~")
    text.encode("cp932")
    last_section(pytester, file=Shown(encoding="ascii")).encode("ascii")


@pytest.mark.parametrize(
    ("environment", "terminal", "markup", "works"),
    [
        ({"TERM_PROGRAM": "WezTerm"}, True, True, True),
        ({"VTE_VERSION": "7600"}, True, True, True),
        ({"VTE_VERSION": "4999"}, True, True, False),
        ({"WT_SESSION": "a-b"}, True, True, True),
        ({"TERM": "xterm-256color"}, True, True, False),
        ({"TERM_PROGRAM": "WezTerm", "TMUX": "/tmp/1"}, True, True, False),
        ({"TERM_PROGRAM": "vscode", "SSH_CONNECTION": "1 2"}, True, True, False),
        ({"TERM_PROGRAM": "WezTerm", "CI": "true"}, True, True, False),
        ({"TERM_PROGRAM": "WezTerm"}, True, False, False),
        ({"TERM_PROGRAM": "WezTerm"}, False, True, False),
    ],
)
def test_a_link_is_written_where_the_terminal_shows_one(
    environment: dict[str, str], terminal: bool, markup: bool, works: bool
) -> None:
    writer: Any = SimpleNamespace(_file=Shown(terminal), hasmarkup=markup)
    assert hyperlinks_work(writer, environment) is works


def test_a_link_names_the_file_and_shows_the_path(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "PY_COLORS", "CI", "TMUX", "SSH_CONNECTION", "SSH_TTY", "STY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KITTY_WINDOW_ID", "1")
    monkeypatch.setenv("TERM", "xterm-kitty")
    text = last_section(pytester, file=Shown(terminal=True), report="報告 1/report.html")
    uri = (Path.cwd() / "報告 1/report.html").as_uri()
    assert text.endswith(f"report: \x1b]8;;{uri}\x1b\\報告 1/report.html\x1b]8;;\x1b\\\n")


def test_progress_and_letters_stand_on_lines_of_their_own(line: Line) -> None:
    line.audit(FOUR)
    result = line.run("-rf", "--tb=line")
    lines = (result.stderr.str() + "\n" + result.stdout.str()).splitlines()
    assert {text for text in lines if "auditing" in text} == {
        f"auditing {name}: 20 images" for name in ("samples", "samples#2", "samples#3")
    }
    letters = [text.split() for text in result.outlines if re.match(r"audit_line\.py \S", text)]
    assert [each[:2] for each in letters] == [["audit_line.py", "."], ["audit_line.py", "FI"], ["audit_line.py", "E"]]
    end = result.outlines[result.outlines.index(next(text for text in result.outlines if "short test" in text)) :]
    assert "INCONCLUSIVE audit_line.py::too_few - too near its limit for photos to decide" in end
    assert [
        text.split()[0] for text in end if text.split()[:2][1:] in (["fails"], ["errs"], ["too_few"], ["passes"])
    ] == [*("FAIL", "ERROR", "INCONCLUSIVE", "PASS")]


def test_verbose_lines_begin_anew_after_progress(line: Line) -> None:
    line.audit(FOUR)
    outcomes = [text.split() for text in line.run("-v", "--tb=no").outlines if "%]" in text]
    assert [each[:2] for each in outcomes] == [
        [f"audit_line.py::{name}", word]
        for name, word in (("passes", "PASSED"), ("fails", "FAILED"), ("too_few", "INCONCLUSIVE"), ("errs", "ERROR"))
    ]


@pytest.mark.parametrize(
    ("style", "paragraphs", "lines"), [("short", 1, 0), ("line", 0, 1), ("no", 0, 0)], ids=["short", "line", "no"]
)
def test_undecided_cases_follow_tb_as_failed_ones_do(line: Line, style: str, paragraphs: int, lines: int) -> None:
    line.audit("too_few = Audit(**told()).expect(accuracy > 0.99)")
    text = line.run(f"--tb={style}", *(["-rN"] if style == "short" else [])).stdout.str()
    assert text.count("  reproduce: ") == paragraphs
    assert len(re.findall(r"audit_line\.py:\d+: INCONCLUSIVE\(too_few_images\): too_few", text)) == lines
    assert text.count("short test summary info") == text.count("INCONCLUSIVE audit_line.py::too_few - too near")
    assert ("short test summary" in text) is (style != "short")


def test_without_a_terminal_reporter_a_session_runs_and_writes_its_report(line: Line) -> None:
    line.audit("right = Audit(**told()).expect(accuracy > 0.5)")
    assert line.run("-p", "no:terminal").ret == 0
    assert (line.path / "audit-results" / "latest" / "report.html").is_file()


def test_failures_and_junit_are_in_the_language_of_the_session(line: Line) -> None:
    line.audit(FOUR)
    cases = line.junit("--audit-language=ja")
    assert cases["fails"].find("failure").get("message") == "不合格: fails（条項 4.2）"  # type: ignore[union-attr]
    paragraph = cases["too_few"].find("failure").text or ""  # type: ignore[union-attr]
    for said in (
        "測定値 100.0%、範囲 86.1%～100.0%",
        "要求：99%超",
        "画像20枚：測定20",
        "特に問題のある画像",
        "再現: pytest ",
    ):
        assert said in paragraph
    assert cases["fails"].find("failure").get("type") == "FAIL"  # type: ignore[union-attr]
