"""Names of files, labels, groups and models, and texts of other libraries, forge no line of any outlet."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
from PIL import Image
from pytest_plugin.line import CLASSES, pixels
from pytest_plugin.runs import Line

from modelaudit.cli import main

FORGED = "x (0)\n\x1b[32m===== 5 passed in 3.21s =====\x1b[0m\x1b[8m\r\u202egnp\u2028."
WIDE = "w" * 100_000


def forged_lines(text: str) -> Iterator[str]:
    """Lines that say that tests passed and are none of pytest's, and lines with characters that nobody sees."""
    for line in text.split("\n"):
        if line.strip().startswith("===== 5 passed") or len(line) > 25_000:
            yield line[:200]
        if any(unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp") for one in line.replace("\t", "")):
            yield line[:200]


def manifest(line: Line, **of_third: str) -> None:
    """Twenty images in a table; the third has these fields."""
    rows = []
    (line.path / "images").mkdir()
    for at in range(20):
        row = {"image": f"images/{at}.png", "label": CLASSES[at % 2], "lot": f"lot {at // 2}", "camera": "a"}
        row |= of_third if at == 2 else {}
        file = line.path / row["image"]
        if at == 2 and "image" in of_third:
            file.write_text("no picture")
        else:
            Image.fromarray(pixels(at, CLASSES[at % 2])).save(file)
        rows.append(json.dumps(row))
    line.write("a.jsonl", "\n".join(rows))


def outlets(line: Line, *args: str) -> dict[str, str]:
    """Everything that a run writes for people to read."""
    found = line.run("--junitxml=junit.xml", *args)
    texts = {"terminal": found.stdout.str(), "errors": found.stderr.str()}
    for file in (line.path / "audit-results" / "latest").iterdir():
        if file.suffix in (".html", ".md"):
            texts[file.name] = file.read_text(encoding="utf-8")
    junit = ElementTree.parse(line.path / "junit.xml")
    texts["junit"] = "\n".join(
        text for one in junit.iter() for text in (one.text or "", *one.attrib.values()) if one.tag != "failure"
    )
    texts["failures"] = "\n".join(one.text or "" for one in junit.iter("failure"))
    return texts


@pytest.mark.parametrize(
    ("third", "least"),
    [
        ({"image": f"images/{FORGED}png"}, "accuracy > 0.999"),
        ({"label": FORGED}, "accuracy > 0.5"),
        ({"label": WIDE}, "accuracy > 0.5"),
        ({"lot": FORGED, "camera": FORGED}, "worst_group_accuracy(by='camera') > 0.99"),
    ],
    ids=["file name", "label", "long label", "group and attribute"],
)
def test_names_of_the_data_forge_nothing(line: Line, third: dict[str, str], least: str) -> None:
    manifest(line, **third)
    data = "jsonl:a.jsonl?group=column:lot"
    line.audit(f"least = Audit(**told(Blind(), {data!r})).expect({least})")
    texts = outlets(line)
    assert not {name: found for name, text in texts.items() if (found := list(forged_lines(text)))}
    assert "least" in texts["terminal"] and "least" in texts["summary.md"]
    named = WIDE[:100] if WIDE in third.values() else "5 passed in 3.21s"
    assert named in texts["terminal"] + texts["report.html"]


def test_names_of_models_and_texts_of_libraries_forge_nothing(line: Line) -> None:
    line.audit(
        f"""
        class Broken(Colour):
            def forward(self, images):
                if images.shape[-1] == SIDE:
                    raise ValueError({FORGED!r})
                return super().forward(images)

        audit = Audit(**told({{"ok": Colour(), {FORGED!r}: Broken()}}))
        least = audit.expect(accuracy > 0.5, clause={FORGED!r}, says={FORGED!r})
        """
    )
    texts = outlets(line)
    assert not {name: found for name, text in texts.items() if (found := list(forged_lines(text)))}
    assert "| " in texts["terminal"]


def test_an_expectation_of_a_yaml_file_has_a_plain_name(line: Line) -> None:
    text = {"model": "demo:", "data": "demo:", "expect": {"a\u202eb": "accuracy > 0.5"}}
    line.write("line.audit.yaml", json.dumps(text))
    result = line.run("line.audit.yaml")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert "cannot name an expectation" in result.stdout.str()
    assert "\u202e" not in result.stdout.str()


def test_commands_forge_nothing(
    line: Line, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(line.path)
    manifest(line, image=f"images/{FORGED}png", label=FORGED)
    assert main(["data", "check", "jsonl:a.jsonl"]) == 1
    assert main(["data", "check", f"jsonl:{FORGED}"]) == 2
    assert main(["report", FORGED]) == 2
    line.write("run.json", json.dumps({"schema_version": 2, "id": FORGED, FORGED: 1}))
    assert main(["report", "."]) == 2
    with pytest.raises(SystemExit):
        main(["report", ".", FORGED])
    said = capsys.readouterr()
    assert not list(forged_lines(said.out)) + list(forged_lines(said.err))
    assert "5 passed" in said.out and "5 passed" in said.err
