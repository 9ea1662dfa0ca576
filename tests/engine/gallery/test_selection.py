"""A run that was stopped in the middle and run again shows the images that an undisturbed one shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from engine.small_audits import Net, audit, groups_of, samples, settings

from modelaudit.contexts import swap_background
from modelaudit.engine.assembly import measure
from modelaudit.engine.results.measured import Measured
from modelaudit.engine.store.store import Store
from modelaudit.language import CheckSettings
from modelaudit.language.progress import Advance
from modelaudit.measures import accuracy, background_dependence, confidence

IMAGES = 40
CHECKS = CheckSettings(masks=12, noise=12, blind=0, seams=0, sanity=0, agreement=0)


class Stopped(BaseException):
    """What ends a run in the middle."""


class Stopping:
    """Ends the run after a number of chunks; counts the images that were said to be done."""

    def __init__(self, chunks: int | None) -> None:
        self.left, self.done = chunks, 0

    @contextmanager
    def _task(self) -> Iterator[Advance]:
        def advance(count: int) -> None:
            self.done += count
            if self.left is not None:
                self.left -= 1
                if self.left < 0:
                    raise Stopped

        yield advance

    def task(self, title: str, total: int) -> AbstractContextManager[Advance]:
        return self._task()


def asked(**options: Any) -> dict[str, Any]:
    """A ranking by few values, where ties decide, and two by many; checks on some of the images."""
    one = audit(Net(), samples(IMAGES), **options)
    swap = swap_background("other_class")
    return {
        "right": one.expect(accuracy > 0.5),
        "sure": one.expect(confidence.under(swap) > 0.5),
        "maps": one.expect(background_dependence("saliency").under(swap) < 0.5),
    }


def run(folder: Path, chunks: int | None = None, **options: Any) -> tuple[Measured | None, int]:
    """What a run finds, None where it is stopped, and how many images it said were done."""
    (group,) = groups_of(**asked(**options))
    store, progress = Store(folder / "store"), Stopping(chunks)
    try:
        return measure(group, settings(folder, checks=CHECKS), progress, store), progress.done
    except Stopped:
        return None, progress.done
    finally:
        store.close()


@pytest.mark.parametrize("options", [{}, {"stop": "early"}], ids=["all images", "early stop"])
def test_galleries_of_a_resumed_run_are_those_of_an_undisturbed_one(tmp_path: Path, options: dict[str, Any]) -> None:
    whole, done = run(tmp_path / "whole", **options)
    assert whole is not None
    assert all(whole.galleries.values())
    for chunks in (2, 6):
        folder = tmp_path / str(chunks)
        stopped, _ = run(folder, chunks, **options)
        assert stopped is None
        for _ in range(2):  # resumed, and once more from the store alone
            again, shown = run(folder, **options)
            assert again is not None
            assert again.galleries == whole.galleries
            assert [one.model_dump() for one in again.columns] == [one.model_dump() for one in whole.columns]
            assert shown == done
