"""Which files are the user's own, and what a file imports."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest
import torch

import modelaudit
from modelaudit.models.source_files import is_project, named_module, with_imports


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def names(root: Path, start: str) -> set[str]:
    return {file.relative_to(root).as_posix() for file in with_imports({root / start}, root)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import layers", {"layers.py"}),
        ("from layers import Net", {"layers.py"}),
        ("from layers import *", {"layers.py"}),
        ("import layers as l, heads", {"layers.py", "heads.py"}),
        ("def build():\n    from layers import Net", {"layers.py"}),
        ("try:\n    import missing\nexcept ImportError:\n    import heads", {"heads.py"}),
        ("import parts.blocks", {"parts/blocks.py", "parts/__init__.py"}),
        ("from parts import blocks", {"parts/blocks.py", "parts/__init__.py"}),
        ("from parts.blocks import Block", {"parts/blocks.py", "parts/__init__.py"}),
        ("from loose.deep import one", {"loose/deep/one.py"}),
        ("import torch, json, numpy, modelaudit", set()),
        ("import no_such_module_anywhere", set()),
        ("this is no Python", set()),
    ],
)
def test_what_a_file_imports_comes_with_it(tmp_path: Path, text: str, expected: set[str]) -> None:
    write(tmp_path, layers="", heads="", parts__blocks="", parts____init__="", loose__deep__one="", unused="", net=text)
    (tmp_path / "parts/__init__.py").write_text("", encoding="utf-8")
    assert names(tmp_path, "net.py") == {"net.py", *expected}


def test_imports_are_followed(tmp_path: Path) -> None:
    write(tmp_path, net="import one", one="import two", two="import one, three", three="")
    assert names(tmp_path, "net.py") == {"net.py", "one.py", "two.py", "three.py"}


def test_relative_imports_and_the_packages_around_a_file(tmp_path: Path) -> None:
    write(tmp_path, pkg__sub__net="from . import near\nfrom ..far import x\nfrom .. import aside", pkg__sub__near="")
    write(tmp_path, pkg__far="", pkg__aside="", pkg__other="")
    for folder in ("pkg", "pkg/sub"):
        (tmp_path / folder / "__init__.py").write_text("", encoding="utf-8")
    expected = {"pkg/sub/net.py", "pkg/sub/near.py", "pkg/far.py", "pkg/aside.py"}
    assert names(tmp_path, "pkg/sub/net.py") == {*expected, "pkg/__init__.py", "pkg/sub/__init__.py"}


def test_a_folder_above_the_file_is_looked_in_up_to_the_root(tmp_path: Path) -> None:
    write(tmp_path, shared="", project__models__net="import shared, layers", project__layers="")
    assert names(tmp_path, "project/models/net.py") >= {"project/layers.py", "shared.py"}
    found = with_imports({tmp_path / "project/models/net.py"}, tmp_path / "project")
    assert tmp_path / "shared.py" not in found


def test_the_search_path_is_looked_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, src__layers="", models__net="import layers")
    assert names(tmp_path, "models/net.py") == {"models/net.py"}
    monkeypatch.syspath_prepend(tmp_path / "src")
    assert names(tmp_path, "models/net.py") == {"models/net.py", "src/layers.py"}
    assert named_module("layers", tmp_path / "models/net.py", tmp_path) == {tmp_path / "src/layers.py"}


def test_what_is_installed_is_not_the_users_own(tmp_path: Path) -> None:
    assert is_project(tmp_path / "net.py", tmp_path)
    assert is_project(tmp_path / "net.py", tmp_path / "elsewhere")
    assert not is_project(tmp_path / ".venv/lib/python3.12/site-packages/acme/net.py", tmp_path)
    assert not is_project(Path(torch.__file__), tmp_path)
    assert not is_project(Path(sysconfig.get_path("stdlib")) / "json/__init__.py", Path("/"))
    assert not is_project(Path(modelaudit.__file__).parent / "demo/net.py", Path(modelaudit.__file__).parents[1])
