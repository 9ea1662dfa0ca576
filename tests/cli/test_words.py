"""The catalogue of the command line: every text in both languages, none left over, and none of the report's keys."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from modelaudit.acceptance.lock import Lock
from modelaudit.acceptance.verification import CheckName, Level, Status
from modelaudit.cli.words import CATALOGUES, command_words
from modelaudit.evidence.probe import LeftOut, ProbeMeasure, Refusal
from modelaudit.evidence.record import WaiverState
from modelaudit.models.predictions.manifest import PictureFormat
from modelaudit.monitoring.monitor_file import STATISTICS
from modelaudit.releases.retention import Held
from modelaudit.report.words import CATALOGUES as REPORT

#: keys that are put together where they are used
CHOSEN = {
    *(f"plan_enough.{name}" for name in ("all", "others", "known")),
    *(f"init_objects.{name}" for name in ("mask", "box", "none")),
    *(f"column_{name}" for name in ("images", "usable", "masks", "object")),
    *(f"verify_check.{name}" for name in get_args(CheckName)),
    *(f"verify_status.{name}" for name in get_args(Status)),
    *(f"verify_level.{name}" for name in get_args(Level)),
    *(f"lock_part.{name}" for name in Lock.model_fields if name not in ("format", "version", "created")),
    *(f"waiver_now.{name}" for name in get_args(WaiverState) if name != "unsigned"),
    *(f"waiver_now.no_{name}" for name in ("signature", "signer")),
    *(f"probe_step.{name}" for name in ("train", "test", "fit", "curve")),
    *(f"probe_measure.{name}" for name in get_args(ProbeMeasure)),
    *(f"probe_left_out.{name}" for name in LeftOut.model_fields),
    *(f"probe_refused.{name}" for name in get_args(Refusal)),
    *(f"watch_fit_head.{name}" for name in ("audited", "normal")),
    *(f"watch_fit_halves.{name}" for name in ("images", "lots")),
    *(f"watch_fit_unit.{name}" for name in ("each", "frames", "minutes", "folder", "stated")),
    *(f"watch_fit_promise.{name}" for name in ("false_alarms", "run_length")),
    *(f"watch_fit_statistic.{name}" for name in STATISTICS),
    *(f"watch_column.{name}" for name in ("what", "units", "evidence", "threshold", "since")),
    *(f"watch_unit.{name}" for name in ("each", "folder", "stated")),
    *(f"watch_needs.{name}" for name in ("labels", "labels_masks", "masks")),
    *(f"render_format.{name}" for name in get_args(PictureFormat)),
    *(f"held.{name}" for name in get_args(Held)),
    "history_state",
    *(f"contexts_{name}" for name in ("name", "family", "needs", "example")),
}


def written() -> Iterator[tuple[str, bool]]:
    """Every text in the code of the commands, and whether a catalogue is asked for it."""
    for file in CATALOGUES.parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value, False
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("_", "ngettext"):
                key = node.args[0]
                for part in (key.body, key.orelse) if isinstance(key, ast.IfExp) else (key,):
                    if isinstance(part, ast.Constant):
                        yield str(part.value), True


def texts(file: Path) -> dict[str, Message]:
    with file.open("rb") as source:
        return {m.id if isinstance(m.id, str) else m.id[0]: m for m in read_po(source, locale="en") if m.id}


def each(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def test_every_text_is_there_in_both_languages_and_none_is_left_over() -> None:
    english, japanese, report = (
        texts(CATALOGUES / "en.po"),
        texts(CATALOGUES / "ja.po"),
        texts(REPORT / "en.po"),
    )
    assert set(english) == set(japanese)
    in_code = set(written())
    assert {key for key, asked in in_code if asked} <= set(english) | set(report)
    assert set(english) <= {text for text, _ in in_code} | CHOSEN
    assert set(english) & set(report) == set()
    assert set(english) >= CHOSEN
    for key, message in english.items():
        wanted = set(re.findall(r"\{(\w*)\}", each(message.string)[-1]))
        assert all(text for text in each(japanese[key].string)), key
        assert set(re.findall(r"\{(\w*)\}", each(japanese[key].string)[0])) == wanted, key


def test_a_key_of_the_report_is_found_too() -> None:
    words = command_words("ja")
    assert words.named("verdict", "PASS") == "合格"
    assert words.ngettext("count_images", 3) == "画像3枚"
