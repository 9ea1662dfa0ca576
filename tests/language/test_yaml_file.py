from __future__ import annotations

from pathlib import Path

import pytest

from modelaudit.language import AuditFileError, Preprocessing, parse
from modelaudit.language.yaml_file import json_schema, load_audit_file

GOOD = """\
model: torchvision:resnet50@IMAGENET1K_V2
data: folder:data/line_a
preprocessing: {resize: 256, crop: [224, 224], mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2]}
expect:
  decides_on_the_part:
    that: background_dependence(integrated_gradients).under(swap_background(other_class)) < 0.40
    clause: PoC agreement 4.2
    marks: [browser, {skip: no data yet}]
  "明るさ": accuracy.under(lighting(severity=3)) > 0.90
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "line_a.audit.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_file_says_the_same_as_python(tmp_path: Path) -> None:
    first, second = load_audit_file(written(tmp_path, GOOD), allow_code=False)
    assert (first.name, first.line, first.case.clause) == ("decides_on_the_part", 5, "PoC agreement 4.2")
    assert first.case.expectation == parse(
        "background_dependence(integrated_gradients).under(swap_background(other_class)) < 0.4"
    )
    assert [mark.name for mark in first.case.marks] == ["browser", "skip"]
    assert second.name == "明るさ"
    assert first.case.audit is second.case.audit
    assert first.case.audit.preprocessing == Preprocessing(256, (224, 224), (0.5,) * 3, (0.2,) * 3)
    assert first.case.audit.allow_code is False


def test_reviewers_are_asked_for_as_in_python(tmp_path: Path) -> None:
    asked = GOOD.replace("clause: PoC agreement 4.2", "reviewed_by: 2")
    first, second = load_audit_file(written(tmp_path, asked), allow_code=False)
    assert (first.case.reviewed_by, second.case.reviewed_by) == (2, None)
    assert "reviewed_by" in str(json_schema())


def test_a_sentence_may_be_given_for_each_language(tmp_path: Path) -> None:
    both = GOOD.replace("clause: PoC agreement 4.2", "says: {en: Right in any light., ja: どの照明でも正しい。}")
    first, _ = load_audit_file(written(tmp_path, both), allow_code=False)
    assert first.case.says == {"en": "Right in any light.", "ja": "どの照明でも正しい。"}
    plain, _ = load_audit_file(written(tmp_path, GOOD), allow_code=False)
    assert first.case.fingerprint(first.case.expectation) == plain.case.fingerprint(plain.case.expectation)


@pytest.mark.parametrize(
    ("change", "line", "message"),
    [
        (("clause:", "clausee:"), 7, "did you mean 'clause'"),
        (("data:", "dta:"), 2, "did you mean 'data'"),
        (("< 0.40", "< 0.4 <"), 6, "cannot read"),
        (("integrated_gradients)", "integrated_gradient)"), 6, "did you mean 'integrated_gradients'"),
        (("lighting(", "lightning("), 9, "did you mean 'lighting'"),
        (('"明るさ"', "decides_on_the_part"), 9, "stands twice; the first is on line 5"),
        (('"明るさ"', "3"), 9, "must be text"),
        (('"明るさ"', "on"), 9, "must be text"),
        (("clause: PoC agreement 4.2", "reviewed_by: 0"), 7, "reviewed_by"),
        (("clause: PoC agreement 4.2", "reviewed_by: yes"), 7, "reviewed_by"),
        (("clause: PoC agreement 4.2", "clause: !!python/object:os.system x"), 7, "tag"),
        (("clause: PoC agreement 4.2", "clause: &a x"), None, None),
        (("clause: PoC", "confidence: 95 #"), 7, "must be below 1, got"),
        (
            ("clause: PoC agreement 4.2", "says: {en: good, jp: x}"),
            7,
            "decides_on_the_part.says.jp: must be 'en' or 'ja'",
        ),
        (("clause: PoC agreement 4.2", "says: {en: 4}"), 7, "decides_on_the_part.says.en: must be text, got 4"),
        (("clause: PoC agreement 4.2", "says: [good]"), 7, "says: must be text or a mapping"),
        (("[224, 224]", "[224, 224, 3]"), 3, "crop"),
        (("expect:", "expect: ["), 6, "not valid YAML"),
        (("decides_on_the_part", "a::b"), 5, "cannot name"),
        (("std: [0.2", "std: [0.0"), 1, "must be positive"),
        (("model: torchvision:resnet50@IMAGENET1K_V2", "model: {}"), 1, "names no model"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(
    tmp_path: Path, change: tuple[str, str], line: int | None, message: str | None
) -> None:
    file = written(tmp_path, GOOD.replace(*change))
    if line is None:
        load_audit_file(file, allow_code=False)
        return
    with pytest.raises(AuditFileError) as caught:
        load_audit_file(file, allow_code=False)
    assert f"{file}:{line}: " in str(caught.value)
    assert message is not None and message in str(caught.value)


POOLS = """\
model: torchvision:resnet50
data: folder:data/line_a
pools:
  night shift: folder:data/night
  new line: photos:data/new_line
expect:
  night: accuracy.under(swap_background('pool:night shift')) > 0.9
"""


def test_pools_are_named_in_yaml_as_in_python(tmp_path: Path) -> None:
    (night,) = load_audit_file(written(tmp_path, POOLS), allow_code=False)
    assert night.case.audit.pools == {"night shift": "folder:data/night", "new line": "photos:data/new_line"}
    assert str(night.case.expectation) == "accuracy.under(swap_background('pool:night shift')) > 0.9"


@pytest.mark.parametrize(
    ("change", "line", "message"),
    [
        (("folder:data/night", "[folder:data/night]"), 4, "pools.night shift: must be text, got ['folder:data/night']"),
        (("pools:", "pool:"), 3, "did you mean 'pools'"),
        (("folder:data/night", '""'), 1, "must name data"),
        (("'pool:night shift'", "'pol:night shift'"), 7, "did you mean 'pool:NAME'"),
    ],
)
def test_what_is_wrong_with_a_pool_is_named_with_its_line(
    tmp_path: Path, change: tuple[str, str], line: int, message: str
) -> None:
    file = written(tmp_path, POOLS.replace(*change))
    with pytest.raises(AuditFileError) as caught:
        load_audit_file(file, allow_code=False)
    assert f"{file}:{line}: " in str(caught.value) and message in str(caught.value)


def test_aliases_are_refused(tmp_path: Path) -> None:
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\nmodel: *b\n"
    with pytest.raises(AuditFileError, match=r":2: the alias"):
        load_audit_file(written(tmp_path, bomb), allow_code=False)


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "text\n"])
def test_an_error_in_a_file_that_is_not_an_audit_names_what_it_needs(tmp_path: Path, text: str) -> None:
    with pytest.raises(AuditFileError, match="model, data and expect"):
        load_audit_file(written(tmp_path, text), allow_code=False)


def test_missing_parts_are_all_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(AuditFileError) as caught:
        load_audit_file(written(tmp_path, "model: x\n"), allow_code=False)
    assert "data: is missing" in str(caught.value) and "expect: is missing" in str(caught.value)


def test_bytes_that_are_no_text_are_an_error_of_ours(tmp_path: Path) -> None:
    file = tmp_path / "x.audit.yaml"
    file.write_bytes(b"\xff\xfe\x00bad")
    with pytest.raises(AuditFileError, match="not valid YAML"):
        load_audit_file(file, allow_code=False)


def test_the_published_schema_knows_every_key_and_forbids_others() -> None:
    schema = json_schema()
    assert set(schema["properties"]) >= {
        "model",
        "data",
        "expect",
        "classes",
        "labels",
        "preprocessing",
        "seed",
        "pools",
    }
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["model", "data", "expect"]
