"""What ``modelaudit verify --recompute`` asks for, and what it says of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..language.errors import AcceptanceError

if TYPE_CHECKING:
    from ..acceptance.lock import Lock
    from ..acceptance.recompute import SpotCheck
    from ..acceptance.recomputed_values import Difference
    from ..evidence.record import RunRecord
    from ..report.words import Words


def add_recompute(verify: argparse.ArgumentParser) -> None:
    """Add the options of measuring again."""
    verify.add_argument(
        "--recompute", type=int, metavar="N", help="measure N images of every data set again, drawn now, and compare"
    )
    several = "several by the names that the record has: NAME=REF"
    verify.add_argument(
        "--model", action="append", default=[], metavar="REF", help=f"your copy of the model; {several}"
    )
    verify.add_argument("--data", action="append", default=[], metavar="REF", help=f"your copy of the data; {several}")
    verify.add_argument("--seed", type=int, metavar="S", help="draw the images of an earlier check again")


def measured_again(given: argparse.Namespace, record: RunRecord, lock: Lock | None) -> SpotCheck | None:
    """What measuring again found; None where it is not asked for.

    Raises:
        AcceptanceError: model or data are not given, and as :func:`~modelaudit.acceptance.recompute.spot_check`.
    """
    if given.recompute is None:
        typed = [name for name in ("model", "data", "seed") if getattr(given, name) not in (None, [])]
        if typed:
            raise AcceptanceError(f"--{typed[0]}: is for measuring again; add --recompute 30")
        return None
    from ..acceptance.recompute import spot_check
    from ..language.boundary import signals_watched
    from ..language.progress import ProgressBar

    with signals_watched():
        return spot_check(
            record,
            model=_references(given.model, "--model", [one.key for one in record.models]),
            data=_references(given.data, "--data", [one.key for one in record.data]),
            count=given.recompute,
            seed=given.seed,
            root=Path.cwd(),
            lock=lock,
            progress=ProgressBar(lambda: sys.stderr),
        )


def _references(given: Sequence[str], option: str, known: Sequence[str]) -> str | Mapping[str, str]:
    """A reference for the only one, or several by name; a reference may hold ``=`` itself."""
    if not given:
        raise AcceptanceError(f"--recompute: measuring again needs the model and the data; add {option} REF")
    if len(given) == 1 and len(known) == 1:
        return given[0]
    named = dict(text.split("=", 1) for text in given if "=" in text)
    if len(named) != len(given):
        raise AcceptanceError(f"{option}: the record has {len(known)}; give each once, as NAME=REF")
    return named


def spot_lines(found: SpotCheck, words: Words) -> Iterator[str]:
    """What was drawn, what that can find, and every difference."""
    from ..acceptance.draw import CHANCE, SHARE

    for draw in found.draws:
        of = words._("spot_drawn", data=draw.data, drawn=draw.drawn, images=draw.images, seed=found.seed)
        chances = (SHARE, draw.chance_to_find(), draw.share_found(), CHANCE)
        share, chance, least, sure = (f"{100 * part:.3g}%" for part in chances)
        yield words._("spot_power", of=of, share=share, chance=chance, least=least, sure=sure)
    yield words._("spot_compared", n=words.count(found.values))
    yield from (_line(one, words) for one in found.differences)


def _line(one: Difference, words: Words) -> str:
    about = [text for text in (one.column, one.model and one.model.removeprefix("model:")) if text]
    where = f"{one.where} ({', '.join(about)})" if about else one.where
    return words._("spot_differs", what=one.what, where=where, recorded=one.recorded or "-", found=one.found or "-")
