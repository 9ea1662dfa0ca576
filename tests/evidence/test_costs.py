"""``costs.yaml``: what it may say, what is refused with file, line and field, and how it goes with the agreement."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelaudit.evidence.costs import Costs, CostsFile, combined_costs, costs_files, read_costs
from modelaudit.language.errors import CostsFileError

WHOLE = """\
currency: JPY
missed_defect: 40000
false_alarm: 300
per: {en: part, ja: 部品}
defect_share: 2
parts_a_month: 50000
photograph: 250
mask: 400
gpu_hour: 600
training_hours: 3
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "costs.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_everything_that_it_may_say(tmp_path: Path) -> None:
    found = read_costs([written(tmp_path, WHOLE)])
    assert found is not None
    assert set(found.costs.model_dump(exclude_none=True)) == set(Costs.model_fields)
    assert found.lines[("mask",)] == 8


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("currency: JPY\nmissed_defects: 3\n", 2, "missed_defect"),
        ("currency: JPY\nmask: -1\n", 2, "mask"),
        ("currency: JPY\nmask: .inf\n", 2, ".inf"),
        ("currency: JPY\ndefect_share: 200\n", 2, "defect_share"),
        ("currency: JPY\nparts_a_month: 0\n", 2, "parts_a_month"),
        ("currency: JPY\nmask: '=1+1'\n", 2, "mask"),
        ("mask: 3\n", 1, "currency"),
        ("- 1\n", 1, "currency"),
        ("", 1, "currency"),
    ],
)
def test_what_is_wrong_is_named(text: str, line: int, said: str, tmp_path: Path) -> None:
    file = written(tmp_path, text)
    with pytest.raises(CostsFileError) as caught:
        read_costs([file])
    assert str(caught.value).startswith(f"{file}:{line}: ")
    assert said in str(caught.value)


def test_a_run_has_one_file(tmp_path: Path) -> None:
    audits = tmp_path / "audits" / "line"
    audits.mkdir(parents=True)
    files = [written(audits, WHOLE), written(audits.parent, WHOLE)]
    found = costs_files([audits / "audit_a.py"], tmp_path)
    assert sorted(found) == sorted(files)
    with pytest.raises(CostsFileError, match=r"a run has one costs\.yaml"):
        read_costs(found)
    assert read_costs([]) is None


def test_the_agreement_and_the_file_complete_each_other() -> None:
    agreed = Costs(currency="EUR", missed_defect=400)
    stated = CostsFile(Path("audits/costs.yaml"), Costs(currency="EUR", mask=3), {("currency",): 1})
    both = combined_costs(agreed, "audits/agreement.yaml", stated)
    assert both == Costs(currency="EUR", missed_defect=400, mask=3)
    assert combined_costs(agreed, "", None) == agreed
    assert combined_costs(None, "", stated) == stated.costs
    assert combined_costs(None, "", None) is None


def test_what_both_say_differently_is_refused_with_both_places() -> None:
    stated = CostsFile(Path("audits/costs.yaml"), Costs(currency="EUR", missed_defect=3), {("missed_defect",): 2})
    agreed = Costs(currency="EUR", missed_defect=400)
    with pytest.raises(CostsFileError, match=r"^audits/costs\.yaml:2: missed_defect is 3\.0, and 400\.0 is agreed"):
        combined_costs(agreed, "audits/agreement.yaml", stated)
