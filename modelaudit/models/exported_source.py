"""``torchscript:<file>`` and ``export:<file>``: programs as torch saves them. Opening one can run code in it."""

from __future__ import annotations

import hashlib
import warnings
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from ..language.errors import ModelError, after, first_line
from ..language.reference import Reference
from ..language.sample import BuiltModel
from .loaded import model_source
from .outputs import named_outputs

#: operators whose last flag says that the program was exported while training, by that flag's position
_TRAINING = {"aten.dropout.default": 2, "aten.native_dropout.default": 2, "aten.batch_norm.default": 5}


class Program(nn.Module):
    """A program as a module: images to what it returns, a fixed number at once where it takes no other.

    Its layers run without calling modules of Python, so that no hook sees them.
    """

    #: what the methods that read a layer say instead
    hidden_layers = ""

    def __init__(self, path: Path, batch: int | None) -> None:
        super().__init__()
        self.path, self.batch = path, batch
        self.digest = hashlib.sha256(path.read_bytes()).hexdigest()

    def forward(self, pixels: Tensor) -> Tensor | dict[str, Tensor]:
        """What it returns, several outputs by index or key; of a program for n images, in passes of n, the last filled
        up with copies of the last image.

        Raises:
            ModelError: it does not take this many images.
        """
        size = self.batch or len(pixels)
        parts = [self._part(pixels[first : first + size], size) for first in range(0, len(pixels), size)]
        if all(isinstance(part, Tensor) for part in parts):
            return torch.cat(parts) if len(parts) > 1 else parts[0]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    @abstractmethod
    def run(self, pixels: Tensor) -> Any:
        """What the program returns."""

    def train(self, mode: bool = True) -> Self:
        """Nothing: a program does what it did when it was saved."""
        return self

    def extra_repr(self) -> str:
        """The file is part of the fingerprint: its code is not seen in its parameters."""
        return f"sha256={self.digest}, batch={self.batch}"

    def _part(self, pixels: Tensor, size: int) -> Any:
        count = len(pixels)
        if count < size:
            pixels = torch.cat([pixels, pixels[-1:].expand(size - count, *pixels.shape[1:])])
        returned = self.run(pixels)
        if isinstance(returned, Tensor):
            return self._rows(returned, size, count)
        return {name: self._rows(part, size, count) for name, part in named_outputs(returned).items() if part.ndim}

    def _rows(self, output: Tensor, size: int, count: int) -> Tensor:
        """The first rows of an output of `size` images."""
        if size == 1 and output.ndim == 0:
            return output
        if not output.ndim or len(output) != size:
            raise ModelError(
                f"{self.path}: {size} images gave an output of shape {list(output.shape)}; if it takes one image at a "
                "time, add ?batch=1"
            )
        return output if count == size else output[:count]


class TorchScript(Program):
    """A TorchScript archive."""

    hidden_layers = "a TorchScript archive, whose layers cannot be hooked"

    def __init__(self, path: Path, batch: int | None) -> None:
        super().__init__(path, batch)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            self.program = torch.jit.load(  # type: ignore[no-untyped-call]
                str(path), map_location="cpu"
            )
        self.program.eval()

    def run(self, pixels: Tensor) -> Any:
        return self.program(pixels)


class Exported(Program):
    """A program of ``torch.export``."""

    hidden_layers = "an exported program, whose layers cannot be hooked"

    def __init__(self, path: Path, batch: int | None) -> None:
        super().__init__(path, batch)
        exported = torch.export.load(str(path))
        _require_eval(exported)
        self.batch = batch or _fixed_batch(exported)
        self.program = exported.module()

    def run(self, pixels: Tensor) -> Any:
        return self.program(pixels)


@model_source("torchscript", runs_code=True)
def torchscript_model(reference: Reference, root: Path) -> BuiltModel:
    """``torchscript:<file>?batch=1``: an archive of ``torch.jit.save``. Gradients lead through it; layers are not seen.

    Raises:
        ModelError: no such file, or it cannot be loaded.
    """
    return _opened(reference, root, TorchScript, "torch.jit.save")


@model_source("export", runs_code=True)
def exported_model(reference: Reference, root: Path) -> BuiltModel:
    """``export:<file>``: a program of ``torch.export.save``. Gradients lead through it; layers are not seen.

    Its number of images at once is read from it.

    Raises:
        ModelError: no such file, it cannot be loaded, or was exported in training mode.
    """
    return _opened(reference, root, Exported, "torch.export.save")


def _opened(reference: Reference, root: Path, kind: Callable[[Path, int | None], Program], saved: str) -> BuiltModel:
    reference.only(("batch",), ModelError)
    path = root / reference.body
    if not path.is_file():
        raise ModelError(f"{reference.text!r}: no file {path}; relative paths start at pytest's rootdir")
    said = reference.options.get("batch")
    if said is not None and (not said.isdecimal() or int(said) < 1):
        raise ModelError(f"{reference.text!r}: batch must be an integer of at least 1, got {said!r}")
    try:
        program = kind(path, None if said is None else int(said))
    except ModelError as error:
        raise ModelError(*after(f"{reference.text!r}: ", str(error))) from error
    except Exception as error:  # torch raises a dozen types for unreadable archives
        raise ModelError(
            f"{reference.text!r}: {path} cannot be loaded ({type(error).__name__}: {first_line(error)}); it must be a "
            f"file of {saved} that this torch ({torch.__version__}) reads"
        ) from error
    return BuiltModel(program, notes=(f"layers: it is {program.hidden_layers}; methods that read a layer are refused",))


def _fixed_batch(exported: torch.export.ExportedProgram) -> int | None:
    """The number of images that the program was exported for; None for any."""
    names = exported.graph_signature.user_inputs
    given = [node.meta.get("val") for node in exported.graph.nodes if node.op == "placeholder" and node.name in names]
    if len(given) != 1 or not isinstance(given[0], Tensor):
        raise ModelError(f"it takes {len(given)} inputs; an audited classifier takes one tensor of images")
    count = given[0].shape[0]
    return count if isinstance(count, int) else None


def _require_eval(exported: torch.export.ExportedProgram) -> None:
    for node in exported.graph.nodes:
        position = _TRAINING.get(str(node.target))
        if position is not None and len(node.args) > position and node.args[position] is True:
            raise ModelError(f"it was exported in training mode ({node.target}); call .eval() before torch.export")
