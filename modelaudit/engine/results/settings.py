"""How a run is done: what the command line says, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...language.checks import CheckSettings
from ...language.errors import AuditError
from .counterexamples import KnownCase

DEFAULT_SEED = 0
#: images of a case that people review
REVIEWED_IMAGES = 12
MICRO_BATCH_CPU = 16
MICRO_BATCH_GPU = 256


@dataclass(frozen=True)
class Settings:
    """The settings of a run.

    Args:
        root: what relative paths are resolved against (pytest's rootdir).
        folder: where the run's results go.
        device: a torch device; "auto" is the first CUDA device where there is one, else the CPU.
        seed: of every draw, where an audit gives none.
        limit: images per data set in a quick look; None for all.
        micro_batch: images in one pass, the last one padded; None for the device's default.
        checks: how audits that say nothing are themselves audited; None switches the checks off for all of them, and so
            does a quick look.
        attributes: of samples that are recorded besides those that strata name.
        reviewed: images for review of each case that asks for reviewers.
        samples: the ids of those that are measured; None for all. Backgrounds come from all of them either way.
        counterexamples: stored cases, which a search for the smallest change tries first.
    """

    root: Path
    folder: Path
    device: str = "auto"
    seed: int = DEFAULT_SEED
    limit: int | None = None
    micro_batch: int | None = None
    checks: CheckSettings | None = None
    attributes: tuple[str, ...] = ()
    reviewed: int = REVIEWED_IMAGES
    samples: frozenset[str] | None = None
    counterexamples: tuple[KnownCase, ...] = ()

    def checks_of(self, given: CheckSettings | None) -> CheckSettings:
        """The checks of an audit that asks for `given`."""
        if self.checks is None or self.limit is not None:
            return CheckSettings.off()
        return self.checks if given is None else given

    def resolved_device(self) -> str:
        """The device's name for torch.

        Raises:
            AuditError: no such device on this machine.
        """
        import torch

        if self.device == "auto":
            return "cuda" if torch.cuda.is_available() else "cpu"
        try:
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise AuditError(f"--audit-device {self.device}: {reason}; use cpu, cuda or auto") from error
        return self.device

    def device_or_asked(self) -> str:
        """The resolved device, or what was asked for where there is no such device."""
        try:
            return self.resolved_device()
        except AuditError:
            return self.device

    def resolved_micro_batch(self) -> int:
        """Images in one pass."""
        if self.micro_batch is not None:
            return self.micro_batch
        return MICRO_BATCH_CPU if self.device_or_asked() == "cpu" else MICRO_BATCH_GPU


def make_run_folder(folder: Path) -> None:
    """Make the folder of a run; a folder of results that is made for it is ignored by git, as pytest's cache is."""
    results = folder.parent
    new = not results.exists()
    folder.mkdir(parents=True, exist_ok=True)
    if new:
        (results / ".gitignore").write_text("*\n", encoding="utf-8")
