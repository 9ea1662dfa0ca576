"""What a run says of copies of one picture, and of clusters that the data name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pytest_plugin.line import samples
from pytest_plugin.runs import Line, counts

DUPLICATES = """
from dataclasses import replace
many = [replace(one, id=f"{one.id}-{copy}") for one in samples(2) for copy in range(150)]
right = Audit(**told(data=many)).expect(accuracy > 0.95)
"""


def test_two_pictures_under_three_hundred_names_decide_nothing(line: Line) -> None:
    line.audit(DUPLICATES)
    result = line.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED and counts(result) == {"inconclusive": 1}
    case = line.cases()["right"]
    assert (case.verdict, case.reason) == ("INCONCLUSIVE", "too_few_clusters")
    assert case.decision is not None and case.decision.more_images is None
    result.stdout.fnmatch_lines(["*2 different pictures among 300 images; copies count as one image*"])
    result.stdout.fnmatch_lines(["There are 2 different pictures among 300 images: 300 images have copies, e.g. *"])
    (table,) = line.record().tables
    assert {one.copy_of for one in table.samples} == {"000.png-0", "001.png-0"}


def test_copies_are_not_made_independent_by_a_claim_on_these_clusters(line: Line) -> None:
    line.audit(DUPLICATES.replace("data=many", 'data=many, claim="these_clusters"'))
    line.run()
    case = line.cases()["right"]
    assert (case.verdict, case.reason) == ("INCONCLUSIVE", "too_few_clusters")
    assert case.decision is not None and "these_clusters" not in case.decision.note


@pytest.mark.parametrize(
    ("option", "passes"), [("", True), ("?group=path:lot(.)", True), ("?cluster=path:lot(.)", False)]
)
def test_a_yaml_audit_names_clusters_in_its_reference(line: Line, option: str, passes: bool) -> None:
    """60 images of 3 lots: a group changes nothing, a cluster decides nothing."""
    for at, one in enumerate(samples(60)):
        save(line.path / "data" / str(one.label) / f"lot{at % 3}-{at:02}.png", np.asarray(one.image))
    line.write("build.py", "from line import Colour\nbuild = Colour\n")
    line.write(
        "line.audit.yaml",
        f"""\
        model: build.py:build
        data: folder:data{option}
        classes: [red, green]
        preprocessing: {{}}
        expect:
          right: accuracy > 0.8
        """,
    )
    line.run("--audit-allow-code")
    case = line.cases()["right"]
    assert (case.verdict, case.reason) == (("PASS", None) if passes else ("INCONCLUSIVE", "too_few_clusters"))
    (data,) = line.record().data
    assert data.clusters == ({} if passes else {"0": 20, "1": 20, "2": 20})


def save(path: Path, image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
