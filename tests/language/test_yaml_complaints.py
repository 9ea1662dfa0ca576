"""What is wrong with a YAML audit is said in plain words, never in those of pydantic."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelaudit.language.errors import AuditFileError
from modelaudit.language.yaml_complaints import syntax_text
from modelaudit.language.yaml_file import load_audit_file

HEAD = "model: demo:sound\ndata: 'demo:'\n"
TAIL = "expect:\n  right: accuracy > 0.9\n"


def complaint(folder: Path, text: str) -> str:
    path = folder / "line_a.audit.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(AuditFileError) as caught:
        load_audit_file(path, allow_code=False)
    return str(caught.value).replace(f"{path}:", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD, "1: expect: is missing"),
        (HEAD + "expect: {}\n", "3: expect: must not be empty"),
        (HEAD + "expect:\n  right: 3\n", "4: expect.right: must be a mapping or text, got 3"),
        (
            HEAD + "expect:\n  right:\n    clause: 4.2\n    that: accuracy > 0.9\n",
            "must be text, got 4.2; quote it: '4.2'",
        ),
        (
            HEAD + "classes: bolt, nut\n" + TAIL,
            "3: classes: must be a list or a mapping, got 'bolt, nut'; write [bolt, nut]",
        ),
        (HEAD + "known_bad: shortcut\n" + TAIL, "3: known_bad: must be a list, got 'shortcut'; write [shortcut]"),
        (HEAD + "confidence: 95\n" + TAIL, "3: confidence: must be below 1, got 95"),
        (HEAD + "object_kept: -1\n" + TAIL, "3: object_kept: must be at least 0, got -1"),
        (HEAD + "confidence: high\n" + TAIL, "3: confidence: must be a number, got 'high'"),
        (HEAD + "about: proces\n" + TAIL, "3: about: must be 'process' or 'this_set', got 'proces'"),
        (HEAD + "seed: 1.5\n" + TAIL, "3: seed: must be an integer, got 1.5"),
        (HEAD + "preprocessing: 224\n" + TAIL, "3: preprocessing: must be a mapping, got 224"),
        (HEAD + "checks: 3\n" + TAIL, "3: checks: must be a mapping or 'on' or 'off', got 3"),
        (HEAD + "datas: x\n" + TAIL, "3: datas: unknown key; did you mean 'data'"),
        ("model: demo:sound\ndata: demo:\n" + TAIL, "2: is not valid YAML: a value with ': ' in it or ':' at its end"),
        (HEAD + "expect:\n\tright: accuracy > 0.9\n", "not valid YAML: a tab cannot indent; use spaces"),
        (HEAD + "expect:\n  right: accuracy > 90\n", "4: right: 'accuracy > 90' cannot hold.*did you mean 0.90"),
        (HEAD + "expect:\n  right: accuracy.under(lighting(severty=3)) > 0.9\n", "4: right: .*did you mean 'severity'"),
        (
            HEAD + "expect:\n  right: accuracy.under(swap_background()) > 0.9\n",
            "4: right: .*argument donors is missing",
        ),
    ],
)
def test_a_complaint_names_line_key_value_and_what_is_wanted(tmp_path: Path, text: str, said: str) -> None:
    found = complaint(tmp_path, text)
    assert all(part in found for part in said.split(".*")), found
    assert not any(word in found.lower() for word in ("input should", "pydantic", "field required", "unable to parse"))


def test_several_complaints_stand_on_a_line_each(tmp_path: Path) -> None:
    found = complaint(tmp_path, "model: 3\nseed: x\n").splitlines()
    assert [line.split(": ")[1] for line in found] == ["model", "data", "seed", "expect"]


def test_what_is_wrong_inside_of_an_expectation_is_one_complaint_on_its_line(tmp_path: Path) -> None:
    assert complaint(tmp_path, HEAD + "expect:\n  right:\n    clause: x\n") == "4: expect.right.that: is missing"


def test_an_unknown_syntax_error_stays_as_it_is() -> None:
    assert syntax_text("found unknown escape character 'q'") == "found unknown escape character 'q'"
