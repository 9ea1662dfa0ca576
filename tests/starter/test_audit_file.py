"""A first audit as a file says what the look says, and is written as people write it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from starter.subjects import subject

from modelaudit import Preprocessing
from modelaudit.language.audit import AuditCase
from modelaudit.language.yaml_file import load_audit_file
from modelaudit.starter.audit_file import name_of, python_audit, python_source, yaml_audit
from modelaudit.starter.expectations import starting_expectations
from modelaudit.starter.preparing import ModelOptions
from modelaudit.starter.subject import Subject

PREPARED = Preprocessing(256, 224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), interpolation="bicubic")
SUBJECTS = [
    subject(),
    subject(labels={"good": 9, "bad": 9, "ugly": 5}, without_object=("good",)),
    subject(options=ModelOptions(), objects="none", labels={"good": 9, "a 'scratch'": 9}),
    subject(options=ModelOptions(None, PREPARED, "binary", 1), objects="box", groups=3),
    subject(options=ModelOptions(tuple(f"class number {n} 'quoted'" for n in range(9)), Preprocessing(64))),
    subject(
        options=ModelOptions(("良品", 'a "b"'), scores="probabilities", output="class"),
        labels={"良品": 4, 'a "b"': 4},
        data="folder:写真/a b",
        method="occlusion",
    ),
]


@pytest.mark.parametrize("one", SUBJECTS, ids=range(len(SUBJECTS)))
def test_python_and_yaml_state_the_same(one: Subject, tmp_path: Path) -> None:
    wanted = starting_expectations(one)
    namespace: dict[str, Any] = {}
    exec(python_audit("photos", one, wanted), namespace)
    cases = {name: value for name, value in namespace.items() if isinstance(value, AuditCase)}
    file = tmp_path / "photos.audit.yaml"
    file.write_text(yaml_audit(one, wanted), encoding="utf-8")
    named = {found.name: found.case for found in load_audit_file(file, allow_code=True)}
    for found in (cases, named):
        assert {name: case.expectation for name, case in found.items()} == {one.name: one.expectation for one in wanted}
        for case in found.values():
            assert case.clause is None  # nothing is said to be agreed
            audit = case.audit
            assert (audit.data, audit.model) == (one.data, one.model)
            assert audit.without_object == one.without_object
            classes = None if audit.classes is None else tuple(audit.classes)
            assert ModelOptions(classes, audit.preprocessing, audit.scores, audit.output) == one.options


def test_python_is_written_as_ruff_writes_it(tmp_path: Path) -> None:
    pytest.importorskip("ruff")
    for number, one in enumerate(SUBJECTS):
        (tmp_path / f"audit_{number}.py").write_text(python_audit("photos", one, starting_expectations(one)), "utf-8")
    for command in (["check", "--select=E,F,W,I,B,UP,SIM"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *command, "--isolated", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_names_in_brackets_are_quoted() -> None:
    text = "worst_group_accuracy(fog(3), by=label).of(new) - accuracy.under(paste_back).where(label(cat)) > 0.5"
    assert python_source(text) == (
        'worst_group_accuracy("fog(3)", by="label").of("new") - accuracy.under(paste_back).where(label("cat")) > 0.5'
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("photos", "photos"),
        ("Line A (new)", "line_a_new"),
        ("3d", "data_3d"),
        ("写真", "data"),
        ("class", "data_class"),
    ],
)
def test_a_name_becomes_an_identifier(text: str, name: str) -> None:
    assert name_of(text) == name
    assert name.isidentifier()
