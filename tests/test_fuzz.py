"""Hostile files to every reader, a few each (``benchmarks/fuzz.py`` has ten thousand): read, or refused by name."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from fuzzing.outcomes import Tree, rng_of
from fuzzing.readers import READERS, Reader

from modelaudit.language.errors import DataError

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names, and signals"),
]
#: inputs of a reader that costs nothing
INPUTS = 12


@pytest.mark.parametrize("name", READERS)
def test_whatever_a_file_holds_it_is_read_or_refused_by_name(tmp_path: Path, name: str) -> None:
    if name.startswith("hf"):
        pytest.importorskip("datasets")
        pytest.importorskip("transformers")
    if name == "onnx":
        pytest.importorskip("onnxruntime")
    reader = READERS[name]
    tree = Tree(reader, tmp_path)
    found = [(number, tree.outcome(rng_of(0, name, number))) for number in range(max(2, INPUTS // reader.cost))]
    wrong = [(number, outcome) for number, outcome in found if outcome.kind not in ("accepted", "refused")]
    assert not wrong, "python benchmarks/fuzz.py --reader says more"


def test_the_harness_tells_apart_how_a_reader_ends(tmp_path: Path) -> None:
    def read(root: Path) -> None:
        content = (root / "a.txt").read_text(errors="replace") if (root / "a.txt").is_file() else ""
        if content != "good":
            raise [ValueError("raw"), DataError("no name"), DataError("a.txt: named"), MemoryError()][len(content) % 4]

    tree = Tree(Reader(lambda root: (root / "a.txt").write_text("good"), read), tmp_path)
    kinds = Counter(tree.outcome(rng_of(0, "x", number)).kind for number in range(80))
    assert set(kinds) >= {"raw", "unnamed", "refused", "memory"}
    assert (tmp_path / "a.txt").read_text() == "good"
