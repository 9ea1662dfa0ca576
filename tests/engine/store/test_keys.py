"""A key holds everything that a value came from: what changes the value changes the key, and nothing else does."""

from __future__ import annotations

import importlib
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from engine.small_audits import registered
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.attribution import captum
from modelaudit.contexts import gaussian_noise, lighting, mean_fill, swap_background
from modelaudit.engine.planning.plan import original_context
from modelaudit.engine.store import keys
from modelaudit.engine.store.keys import PassKeys, Setting, digest, origin, pass_keys, sample_key, value_key
from modelaudit.language import ModelError
from modelaudit.language.spec import Context, MeasureSpec
from modelaudit.measures import accuracy, background_dependence
from modelaudit.models import source_files

SETTING = Setting(seed=0, device="cpu", precision="float32", model="net", data="photos", object_kept=0.5)
DEPENDENCE = background_dependence("saliency", target="nut").spec
COLUMNS = {"accuracy": accuracy.spec, "dependence": DEPENDENCE}


@dataclass(frozen=True)
class Model:
    fingerprint: str = "f"
    probe_digest: str = "p"
    classes: tuple[str, ...] = ("bolt", "nut")

    def index_of(self, label: str | int) -> int:
        if label not in self.classes:
            raise ModelError("no such class")
        return self.classes.index(str(label))


def made(
    context: Context | None = None, columns: dict[str, MeasureSpec] | None = None, model: Any = None, **setting: Any
) -> PassKeys:
    context = gaussian_noise(3) if context is None else context
    draws = context != original_context()
    return pass_keys(context, columns or COLUMNS, model or Model(), replace(SETTING, **setting), draws=draws)


def all_of(found: PassKeys) -> list[bytes]:
    return [one.digest for one in (found.shown, found.logits, found.pictures, found.drafts, *found.columns.values())]


def test_no_two_keys_of_a_pass_are_alike() -> None:
    found = all_of(made())
    assert len(set(found)) == len(found) == 6


@pytest.mark.parametrize(
    "changed",
    [
        {"context": gaussian_noise(4)},
        {"context": gaussian_noise(3, region="whole")},
        {"context": mean_fill("background")},
        {"context": swap_background("random") | gaussian_noise(3)},
        {"model": Model(fingerprint="g")},
        {"model": Model(probe_digest="q")},
        {"seed": 1},
        {"object_kept": 0.8},
        {"device": "cuda:0"},
        {"precision": "bfloat16"},
    ],
    ids=str,
)
def test_what_the_whole_pass_came_from_changes_all_of_its_keys(changed: dict[str, Any]) -> None:
    assert not set(all_of(made())) & set(all_of(made(**changed)))


def test_another_version_of_a_library_is_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = all_of(made())
    for name in keys._LIBRARIES:
        keys.made_with.cache_clear()
        with monkeypatch.context() as patch:
            patch.setattr(keys, "_version", lambda asked, name=name: "0.0.1" if asked == name else "1")
            one = all_of(made())
        keys.made_with.cache_clear()
        assert not set(before) & set(one)
    assert all_of(made()) == before


def test_the_version_of_captum_is_in_the_keys_of_its_own_maps_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, captums = background_dependence("saliency").spec, background_dependence(captum("Saliency")).spec
    before = made(columns={"ours": ours, "captums": captums}), made(columns={"ours": ours})
    monkeypatch.setattr(keys, "_version", lambda name: "0.0.1")
    after = made(columns={"ours": ours, "captums": captums}), made(columns={"ours": ours})
    assert before[0].columns["captums"] != after[0].columns["captums"] and before[0].pictures != after[0].pictures
    assert before[0].columns["ours"] == after[0].columns["ours"] and before[0].logits == after[0].logits
    assert before[1] == after[1]


def test_another_version_of_a_definition_is_another_key() -> None:
    from modelaudit.language import registry

    before = made()
    entry = registry.find("context", "gaussian_noise")

    def newer() -> None:
        registry.register(replace(entry, version=entry.version + 1))

    with registered(newer):
        assert not set(all_of(before)) & set(all_of(made()))
    assert all_of(made()) == all_of(before)


def test_what_only_names_things_for_people_changes_no_key() -> None:
    assert all_of(made()) == all_of(made(model=Model(), data="others")) == all_of(made(device="cpu:0"))
    assert all_of(made(context=lighting(3))) == all_of(made(context=lighting(severity=3)))


def test_on_originals_the_seed_concerns_attributions_only() -> None:
    one, other = made(original_context()), made(original_context(), seed=1)
    assert one.columns["dependence"] != other.columns["dependence"]
    assert one.columns["accuracy"] == other.columns["accuracy"]
    assert (one.shown, one.logits) == (other.shown, other.logits)


def test_a_class_that_is_named_is_known_by_its_index() -> None:
    one, other = made(), made(model=Model(classes=("nut", "bolt")))
    assert one.columns["dependence"] != other.columns["dependence"]
    assert one.columns["accuracy"] == other.columns["accuracy"]


def test_a_class_that_is_not_there_has_no_key() -> None:
    assert set(made(model=Model(classes=("bolt",))).columns) == {"accuracy"}


@pytest.mark.parametrize("method", ["integrated_gradients", "gradcam"])
def test_another_method_or_measure_is_another_column_of_the_same_pass(method: str) -> None:
    one, other = made(), made(columns={"dependence": background_dependence(method, target="nut").spec})
    assert one.columns["dependence"] != other.columns["dependence"] and one.shown == other.shown


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_digests_of_different_texts_differ_wherever_they_are_cut(one: list[str], other: list[str]) -> None:
    assert (digest(*one) == digest(*other)) == (one == other)


@pytest.mark.parametrize("changed", [{"name": "b"}, {"content": "d"}, {"donor": None}, {"donor": ("x", "z")}])
def test_a_sample_is_its_id_its_content_and_its_donor(changed: dict[str, Any]) -> None:
    given_: dict[str, Any] = {"name": "a", "content": "c", "donor": ("x", "y")}
    assert sample_key(**given_) != sample_key(**{**given_, **changed})


def test_a_value_is_that_of_a_sample_and_of_what_its_label_means() -> None:
    one, other = sample_key("a", "c", None), sample_key("b", "c", None)
    assert len({one, other, *(value_key(name, meaning) for name in (one, other) for meaning in "12")}) == 6


HOMEMADE = """
from dataclasses import dataclass
import helper
from modelaudit.language.spec import MeasureSpec
from modelaudit.measures.base import MeasureDeclaration, measure

@dataclass(frozen=True)
class Homemade(MeasureSpec):
    pass

@measure("homemade", Homemade, MeasureDeclaration(scale="mean", better="high"))
def read(spec, seen):
    return helper.read(seen) ADDED
"""


def test_the_code_of_a_third_party_has_a_part_in_its_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(source_files, "_BEGAN", time.time_ns() + 10**12)  # as if each text had its own process
    found = []
    for added, helped in (("", ""), ("+ 0", ""), ("", "+ 0"), ("", "")):
        (tmp_path / "homemade.py").write_text(HOMEMADE.replace("ADDED", added))
        (tmp_path / "helper.py").write_text(f"def read(seen):\n    return seen {helped}\n")
        importlib.invalidate_caches()
        with registered(lambda: importlib.import_module("homemade")):
            found.append(origin(importlib.import_module("homemade").Homemade()))
        for name in ("homemade", "helper"):
            monkeypatch.delitem(sys.modules, name)
    assert len(set(found)) == 3 and found[0] == found[3]
    assert all(text.startswith("homemade:") for text in found)
    assert origin(accuracy.spec) == ""
