"""Standards as data: those of the package are whole, bilingual and claim nothing; files of users are checked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from modelaudit.language import registry
from modelaudit.language.errors import StandardError
from modelaudit.standards.standard_file import (
    FAMILIES,
    ORIGINAL,
    Standard,
    built_in,
    built_in_standards,
    json_schema,
    read_standard,
)

ROOT = Path(__file__).parents[2]
OWN = """\
name: ours
title: Our rules
edition: "7"
publisher: us
titles_from: our intranet
items:
  - id: R1
    title: {en: Right as photographed, ja: 撮影条件での正確性}
    requirements: [{measures: [accuracy], contexts: [original]}]
    records: [agreement]
    not_given: the rest
"""
#: what would say that a standard is fulfilled
CLAIMS = re.compile(
    r"conform(s|ity|ant|ing)|complian|complies|certif(y|ied|icate)|\b(meets|satisfies|fulfils) (the|this|a|all) "
    r"(standard|guideline|item)|適合(し|性)|準拠|認証|(規格|ガイドライン|項目)を満たし",
    re.IGNORECASE,
)


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)


def write(tmp_path: Path, text: str) -> str:
    file = tmp_path / "ours.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_three_standards_come_with_the_package() -> None:
    assert set(built_in()) == {file.stem for file in (ROOT / "modelaudit/standards").glob("*.yaml")}
    assert len(built_in()) == 3
    assert tuple(one.name for one in built_in_standards()) == built_in()


def test_the_guideline_has_its_nine_internal_characteristics() -> None:
    guideline = read_standard("mlqm-3")
    assert [item.id for item in guideline.items] == ["A-1", "A-2", "B-1", "B-2", "B-3", "C-1", "C-2", "D-1", "E-1"]
    assert all(level.startswith(f"{item.id}-L") for item in guideline.items for level in item.levels)
    assert all(item.levels for item in guideline.items)


@pytest.mark.parametrize("standard", built_in_standards(), ids=lambda one: one.name)
def test_every_text_is_there_in_both_languages(standard: Standard) -> None:
    for item in standard.items:
        for text in (item.title, item.not_given, standard.title, standard.titles_from):
            assert isinstance(text, dict) and set(text) == {"en", "ja"}, (item.id, text)
            assert re.search(r"[ぁ-ヿ一-鿿]", text["ja"]) and not re.search(r"[ぁ-ヿ一-鿿]", text["en"])


@pytest.mark.parametrize("standard", built_in_standards(), ids=lambda one: one.name)
def test_every_name_that_it_selects_by_exists(standard: Standard) -> None:
    measures = {*registry.names("measure"), *registry.names("composite")}
    contexts = {*registry.names("context"), *FAMILIES, ORIGINAL}
    for item in standard.items:
        for selector in item.requirements:
            assert set(selector.measures or ()) <= measures
            assert set(selector.contexts or ()) <= contexts


def test_no_sentence_claims_that_a_standard_is_fulfilled() -> None:
    found = {str(file): file.read_text(encoding="utf-8") for file in (ROOT / "modelaudit/standards").glob("*.yaml")}
    for catalogue in ("report", "cli"):
        for language in ("en", "ja"):
            file = ROOT / f"modelaudit/{catalogue}/catalogue/{language}.po"
            blocks = file.read_text(encoding="utf-8").split("\n\n")
            ours = [one for one in blocks if re.search(r'msgid "(standards_|evidence_|coverage_judged)', one)]
            found[str(file)] = "\n".join(ours)
            assert ours
    for name in ("modelaudit/cli/coverage.py", "modelaudit/report/standards.py", "docs/how_to/standards.md"):
        found[name] = (ROOT / name).read_text(encoding="utf-8")
    said = {name: [match[0] for match in CLAIMS.finditer(text)] for name, text in found.items()}
    assert {name: matches for name, matches in said.items() if matches} == {}


def test_the_search_for_claims_finds_them() -> None:
    said = (
        "it conforms to C-1",
        "conformity",
        "is compliant",
        "certified",
        "meets the standard",
        "C-1に適合しています",
        "準拠",
    )
    assert all(CLAIMS.search(one) for one in said)


def test_a_file_of_ones_own_is_read(tmp_path: Path) -> None:
    standard = read_standard(write(tmp_path, OWN))
    assert standard.name == "ours" and standard.items[0].records == ["agreement"]
    jsonschema.validate(yaml.safe_load(OWN), json_schema())
    assert json.loads(json.dumps(json_schema()))["title"] == "modelaudit standard"


def test_the_documented_standard_is_one(tmp_path: Path) -> None:
    page = (ROOT / "docs/how_to/standards.md").read_text(encoding="utf-8")
    standard = read_standard(write(tmp_path, page.partition("```yaml\n")[2].partition("```")[0]))
    assert [item.id for item in standard.items] == ["R1", "R2"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("records: [agreement]", "records: [agreemnt]"), r"ours.yaml:10: items.0.records.0: .*agreement"),
        (("measures:", "mesures:"), r"ours.yaml:9: items.0.requirements.0.mesures: .*did you mean 'measures'"),
        (
            ("{measures: [accuracy], contexts: [original]}", "{}"),
            r"ours.yaml:9: items.0.requirements.0: selects every requirement",
        ),
        (("name: ours", "name: Our Rules"), r"ours.yaml:1: name"),
        (("not_given: the rest", "levels: [L1]"), r"ours.yaml:7: items.0.not_given"),
        (('edition: "7"', "edition: 7.10"), r"ours.yaml:3: edition: .*put quotes"),
        (("items:", "things:"), r"did you mean 'items'|ours.yaml:6: things"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    file = write(tmp_path, OWN.replace(*change))
    with pytest.raises(StandardError, match=said):
        read_standard(file)


def test_an_item_stands_once(tmp_path: Path) -> None:
    twice = OWN + OWN[OWN.index("  - id: R1") :]
    with pytest.raises(StandardError, match="the item R1 is there twice"):
        read_standard(write(tmp_path, twice))


def test_an_unknown_name_tells_which_there_are() -> None:
    with pytest.raises(StandardError, match="'mlqm-4' is not known; did you mean 'mlqm-3'"):
        read_standard("mlqm-4")
    with pytest.raises(StandardError, match=r"cannot be read \(No such file"):
        read_standard("nowhere.yaml")
