"""Where a run's numbers come from: versions, device, seed, commit."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ..engine.executors.scheduler import WorkersUsed
from ..engine.results.device_name import device_name
from ..language.regular_files import open_file
from .record import InputFile, InputRole, PluginRecord, Provenance

_PACKAGES = ("pytest-modelaudit", "torch", "torchvision", "captum", "numpy", "scipy", "pillow", "pytest")


@dataclass(frozen=True)
class Inputs:
    """What a run read besides models and data, as :class:`~modelaudit.evidence.record.Provenance` keeps it."""

    files: list[InputFile]
    plugins: list[PluginRecord]
    options: Mapping[str, str]


def provenance(
    *,
    root: Path,
    device: str,
    seed: int,
    micro_batch: int,
    inputs: Inputs | None = None,
    workers: WorkersUsed | None = None,
) -> Provenance:
    """The provenance of a run; it names no host and no user.

    Args:
        workers: that measured, whose device it is then; None: this process did.
    """
    import torch

    commit = _git(root, "rev-parse", "HEAD")
    changes = None if commit is None else _git(root, "status", "--porcelain", "--untracked-files=no")
    return Provenance(
        versions={"python": platform.python_version(), **_versions()},
        platform=f"{platform.system()} {platform.machine()}",
        device=device if workers is None else workers.device,
        device_name=device_name(device) if workers is None else workers.device_name,
        precision="float32",
        threads=torch.get_num_threads() if workers is None else workers.threads,
        micro_batch=micro_batch if workers is None else workers.micro_batch,
        executor=None if workers is None else workers.kind,
        workers=None if workers is None else workers.count,
        seed=seed,
        git_commit=commit,
        git_dirty=None if changes is None else bool(changes),
        files=[] if inputs is None else inputs.files,
        plugins=[] if inputs is None else inputs.plugins,
        options={} if inputs is None else dict(inputs.options),
    )


def input_file(path: Path, root: Path, role: InputRole) -> InputFile:
    """A file with the digest of its content; of one outside of the rootdir the name alone is kept. What is no regular
    file has no digest: a device may have no end."""
    try:
        with open_file(path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        digest = None
    inside = path.is_relative_to(root)
    return InputFile(path=path.relative_to(root).as_posix() if inside else path.name, role=role, sha256=digest)


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _git(root: Path, *arguments: str) -> str | None:
    """The output of a git command; None outside a repository, without git, or before the first commit."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
