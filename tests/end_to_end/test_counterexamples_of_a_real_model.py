"""SqueezeNet on a few photographs of pets: what the search finds flips its answer, shown by an audit of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from engine.small_audits import measured, values

from modelaudit.contexts import surroundings
from modelaudit.data import open_data
from modelaudit.language import Audit
from modelaudit.measures import accuracy, worst_change

pytestmark = pytest.mark.assets
IMAGES, CALLS = 6, 12


def test_what_is_found_flips_and_keeps_to_its_budget(assets: Path, tmp_path: Path) -> None:
    data = f"folder:{assets / 'pets'}"
    given: dict[str, Any] = {
        "model": f"torchvision:squeezenet1_0?checkpoint={assets / 'models/squeezenet1_0-imagenet1k.safetensors'}",
        "data": data,
        "object_kept": 0,
        "checks": "off",
    }
    few = frozenset(one.id for one in list(open_data(data, root=tmp_path, quiet=True).samples)[::11][:IMAGES])
    search = worst_change(surroundings(colours=["white"], donors=None, kelvin=[]), calls=CALLS)
    found = measured(tmp_path, {"samples": few}, case=Audit(**given).expect(search < 0.9))
    (facts,) = found.searches
    assert 0 < facts.flipped <= facts.images <= IMAGES and facts.calls <= CALLS * facts.images
    assert all(one.calls <= CALLS for one in found.counterexamples)
    smallest = found.counterexamples[0]
    measure = accuracy.under(smallest.context)
    alone = measured(tmp_path, {"samples": frozenset([smallest.sample])}, case=Audit(**given).expect(measure > 0.5))
    assert values(alone, str(measure)).tolist() == [0.0]
