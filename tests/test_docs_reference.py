"""The pages of docs/reference are what the declarations and docstrings of the code say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_reference", DOCS / "build_reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DOCS)
        spec.loader.exec_module(module)
    return module


def test_every_page_is_what_the_script_writes(builder: ModuleType) -> None:
    stale = [name for name, text in builder.pages().items() if (DOCS / "reference" / name).read_text("utf-8") != text]
    assert not stale, f"run python docs/build_reference.py: {stale} are out of date"


def test_every_page_is_written_by_the_script(builder: ModuleType) -> None:
    assert {path.name for path in (DOCS / "reference").iterdir()} == set(builder.pages())


def test_every_option_of_a_source_is_explained(builder: ModuleType) -> None:
    for kind, page in (("data", "data.md"), ("model", "models.md")):
        text = (DOCS / page).read_text("utf-8")
        lacking = {
            f"{entry.name}: {option}"
            for entry in builder._own(kind)
            for option in builder.options_of(entry)
            if f"{option}=" not in text and entry.name != "demo"
        }
        assert not lacking, f"{page} does not explain {lacking}"


def test_every_definition_has_a_section(builder: ModuleType) -> None:
    text = "\n".join(builder.pages().values())
    for kind in ("context", "attribution", "measure", "composite"):
        for entry in builder._own(kind):
            assert f"### `{entry.name}`" in text
            assert entry.spec.__doc__, f"{kind} {entry.name} has no docstring"
