"""What ``modelaudit data check`` holds data to: training data that must not leak, and an agreement to cover."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..language.errors import DataError
from .terminal import reference_of

if TYPE_CHECKING:
    from ..acceptance.agreement import AgreementFile
    from ..data.leakage import MiniaturesSeen
    from ..language.findings import DataFacts
    from ..language.sample import DataSet
    from ..report.words import Words


def add_against(check: argparse.ArgumentParser) -> None:
    """Adds ``--training``, ``--apart`` and ``--agreement``."""
    check.add_argument(
        "--training", metavar="REF", help="training data, of which no image, changed copy or lot may be in REFERENCE"
    )
    check.add_argument(
        "--apart",
        metavar="NAMES",
        help="attributes that training and test must not share either, beside clusters: lot or lot,serial",
    )
    check.add_argument(
        "--agreement", type=Path, metavar="FILE", help="agreement.yaml, whose operating domain the images must cover"
    )


@dataclass(frozen=True)
class Against:
    """What the data are held to; None where it was not named."""

    training: DataSet | None = None
    reference: str = ""
    apart: tuple[str, ...] = ()
    agreement: AgreementFile | None = None

    @classmethod
    def of(cls, given: argparse.Namespace) -> Against:
        """What was named on the command line, opened before any image is decoded.

        Raises:
            DataError: ``--apart`` without training data; training data that cannot be opened.
            AcceptanceError: an agreement that cannot be read, or says neither where the system works nor on how many
                images it is decided.
        """
        names = tuple(name.strip() for name in (given.apart or "").split(",") if name.strip())
        training, reference = None, ""
        if given.training is not None:
            from ..data import open_data

            reference = reference_of(given.training)
            training = open_data(reference, root=Path.cwd(), contradicting=True)
        elif names:
            raise DataError("--apart names what training and test must not share; name the training data by --training")
        return cls(training, reference, names, None if given.agreement is None else _agreement(given.agreement))

    def found(self, data: DataSet, facts: DataFacts, pictures: MiniaturesSeen, words: Words) -> DataFacts:
        """The facts with what leaks, and with what of the agreement is not covered."""
        if self.training is not None:
            from ..data.leakage import leaks, read_training, shared_lots
            from ..language.progress import counting

            lots = list(shared_lots(data, self.training, self.apart))
            with counting(words._("check_training"), len(self.training.samples)) as step:
                training = read_training(self.training, self.reference, step)
            with counting(words._("check_comparing"), len(facts.samples)) as step:
                pairs = list(leaks(facts.samples, pictures.of, training, step))
            facts = replace(facts, training=training.facts).with_findings([*pairs, *lots])
        if self.agreement is not None:
            from ..acceptance.uncovered import uncovered

            missing = uncovered(self.agreement.terms, data.samples, facts.samples)
            facts = replace(facts, agreement=str(self.agreement.path)).with_findings(missing)
        return facts


def _agreement(path: Path) -> AgreementFile:
    from ..acceptance.agreement import read_agreement
    from ..language.errors import AcceptanceError

    found = read_agreement([path])
    assert found is not None  # of one file
    if found.terms.domain is None and found.terms.decision.images is None:
        raise AcceptanceError(
            f"{path}: has no domain, so there are no conditions to cover; write domain: with its attributes and values"
        )
    return found
