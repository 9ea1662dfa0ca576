"""What ``modelaudit verify --recompute`` asks for, and what it says of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..language.errors import AcceptanceError

if TYPE_CHECKING:
    from ..acceptance.lock import Lock
    from ..acceptance.received import Received
    from ..acceptance.recompute import SpotCheck
    from ..acceptance.recomputed_values import Difference
    from ..acceptance.verification import Verification
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


def check_recompute(given: argparse.Namespace) -> None:
    """Refuse what does not go together, before anything is verified.

    Raises:
        AcceptanceError: model or data are missing, or are given without ``--recompute``.
    """
    typed = [name for name in ("model", "data", "seed") if getattr(given, name) not in (None, [])]
    if given.recompute is None and typed:
        raise AcceptanceError(f"--{typed[0]}: is for measuring again; add --recompute 30")
    missing = [name for name in ("model", "data") if name not in typed]
    if given.recompute is not None and missing:
        raise AcceptanceError(f"--recompute: measuring again needs the model and the data; add --{missing[0]} REF")


def recorded(received: Received) -> tuple[RunRecord, Lock | None]:
    """The record that is compared with, and the lock of its images."""
    from ..acceptance.lock import read_lock
    from ..acceptance.pack import LOCK_FILE, RUN
    from ..evidence.record import RECORD_NAME, read_record

    lock = read_lock(received.folder / LOCK_FILE).lock if LOCK_FILE in received.files else None
    return read_record(received.folder / RUN / RECORD_NAME), lock


def measured_again(given: argparse.Namespace, record: RunRecord, lock: Lock | None) -> SpotCheck:
    """What measuring again found.

    Raises:
        AcceptanceError: as :func:`~modelaudit.acceptance.recompute.spot_check`.
    """
    from ..acceptance.recompute import spot_check
    from ..language.boundary import signals_watched
    from ..language.progress import ProgressBar

    with signals_watched():
        return spot_check(
            record,
            model=_references(given.model, "--model", len(record.models)),
            data=_references(given.data, "--data", len(record.data)),
            count=given.recompute,
            seed=given.seed,
            root=Path.cwd(),
            lock=lock,
            progress=ProgressBar(lambda: sys.stderr),
        )


def with_measured(found: Verification, spot: SpotCheck | None, words: Words) -> Verification:
    """The verification with what measuring again came to; None: it was not measured, since a check failed."""
    from ..acceptance.verification import Check, named

    if spot is None:
        check = Check("measured_again", "not_checked", (words._("spot_none"),))
    else:
        differing = named([_line(one, words) for one in spot.differences])
        check = Check("measured_again", "failed" if differing else "held", (*_about(spot, words), *differing))
    return replace(found, checks=(*found.checks, check), measured=None if spot is None else spot.level)


def _references(given: Sequence[str], option: str, known: int) -> str | Mapping[str, str]:
    """A reference for the only one, or several by name; a reference may hold ``=`` itself."""
    if len(given) == 1 and known == 1:
        return given[0]
    named = dict(text.split("=", 1) for text in given if "=" in text)
    if len(named) != len(given):
        raise AcceptanceError(f"{option}: the record has {known}; give each once, as NAME=REF")
    return named


def _about(found: SpotCheck, words: Words) -> Iterator[str]:
    """What was drawn, and what that can find."""
    from ..acceptance.draw import CHANCE, SHARE

    for draw in found.draws:
        of = words._("spot_drawn", data=draw.data, drawn=draw.drawn, images=draw.images, seed=found.seed)
        chances = (SHARE, draw.chance_to_find(), draw.share_found(), CHANCE)
        share, chance, least, sure = (f"{100 * part:.3g}%" for part in chances)
        yield words._("spot_power", of=of, share=share, chance=chance, least=least, sure=sure)
    yield words._("spot_compared", n=words.count(found.values))


def _line(one: Difference, words: Words) -> str:
    about = [text for text in (one.column, one.model and one.model.removeprefix("model:")) if text]
    where = f"{one.where} ({', '.join(about)})" if about else one.where
    return words._("spot_differs", what=one.what, where=where, recorded=one.recorded or "-", found=one.found or "-")
