"""From what users write for a model to a model that is ready to be audited."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..language import registry
from ..language.boundary import contained, described
from ..language.errors import ModelError
from ..language.reference import Reference, parse_reference
from ..language.sample import BuiltModel, Preprocessing
from .checkpoint import SUFFIXES
from .code import code_digest
from .factory import call_factory, run_factory
from .fingerprint import architecture, fingerprint, output_digest, probe_pixels
from .input_trials import way_out
from .loaded import LoadedModel, PixelModel, frozen_module_on
from .transforms import with_preprocessing

_WAY_OUT = (
    "Audit(preprocessing=Preprocessing(resize=256, crop=224, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)))"
)
#: a file's ending, and the scheme that reads it
_PROGRAMS = {".onnx": "onnx", ".ts": "torchscript", ".torchscript": "torchscript", ".pt2": "export"}
#: tried in this order where the preprocessing leaves the size open; most models take the first
_OPEN_SIZES = (224, 64, 32, 28, 96, 128, 256, 299, 384, 512)


def open_model(
    ref: Any,
    *,
    root: Path,
    preprocessing: Any = None,
    classes: Sequence[str] | None = None,
    allow_code: bool = False,
) -> LoadedModel:
    """The model behind a reference, an ``nn.Module``, a callable that returns one, or a ``BuiltModel``.

    Args:
        root: relative paths start here.
        preprocessing: instead of what the source brings: a `Preprocessing`, or a transform that it can be read off.
        classes: the class names by index, instead of what the source brings.
        allow_code: whether a text may name a Python factory, or a saved program.

    One forward pass of one fixed image tells the number of logits, and a backward pass whether gradients lead through.
    A module that was given is left as it was.

    Raises:
        ModelError: it cannot be built or audited; the message names the way out.
    """
    with torch.inference_mode(False):
        text, built, code = _built(ref, root, allow_code)
        built, preprocessing = with_preprocessing(text, built, preprocessing)
    if preprocessing is None and built.preprocessing is None:
        known = [note.partition(": ")[2] for note in built.notes if note.startswith("preprocessing:")]
        raise ModelError(
            f"{text}: {(known or ['nothing says how its input is prepared'])[0]}; give {_WAY_OUT} with its own numbers"
        )
    module, compiled = _eager(built.module)
    if any(parameter.is_inference() for parameter in module.parameters()):
        raise ModelError(
            f"{text}: it was built under torch.inference_mode, so nothing can be attributed; build it outside"
        )
    wanted = preprocessing or built.preprocessing
    assert wanted is not None
    runs = code_digest(module, code, root)  # before any pass, after which a module may hold what it saw
    size, logits, differentiable = _probed(text, module, wanted)
    names = classes if classes is not None else built.classes
    return LoadedModel(
        ref=text,
        module=module,
        preprocessing=wanted,
        classes=_checked_classes(text, names, logits.shape[1]),
        outputs=logits.shape[1],
        input_size=size,
        architecture=architecture(module),
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        fingerprint=fingerprint(module, wanted, runs),
        probe_digest=output_digest(logits),
        notes=(
            *_remaining(built.notes, preprocessing is not None, classes is not None),
            *compiled,
            *_looks_like_probabilities(logits),
        ),
        differentiable=differentiable,
    )


def runs_code(ref: Any) -> bool:
    """Whether a reference is a text that names a Python factory or a saved program: what `allow_code` is about."""
    if not isinstance(ref, str | Path):
        return False
    scheme = parse_reference(str(ref)).scheme
    return not scheme or (scheme in registry.names("model") and registry.find("model", scheme).declares is True)


def _built(ref: Any, root: Path, allow_code: bool) -> tuple[str, BuiltModel, tuple[Any, ...]]:
    """The model's name, the model, and the code that made it."""
    if isinstance(ref, str | Path):
        return str(ref), *_from_text(parse_reference(str(ref)), root, allow_code)
    if isinstance(ref, nn.Module):
        return architecture(ref), BuiltModel(ref), ()
    if isinstance(ref, BuiltModel):
        return architecture(ref.module), ref, ()
    if callable(ref):
        text = f"{getattr(ref, '__module__', '')}.{getattr(ref, '__qualname__', type(ref).__qualname__)}"
        return text, call_factory(ref, text), (ref,)
    raise ModelError(
        f"{ref!r} of type {type(ref).__name__} is not a model; give a reference such as "
        "'torchvision:resnet50@IMAGENET1K_V2' or 'models/net.py:build', an nn.Module, or a callable that returns one"
    )


def _from_text(reference: Reference, root: Path, allow_code: bool) -> tuple[BuiltModel, tuple[Any, ...]]:
    if reference.scheme:
        entry = registry.find("model", reference.scheme)
        if entry.declares is True and not allow_code:
            raise ModelError(
                f"{reference.text!r}: loading such a file can run code in it; allow it with --audit-allow-code, or "
                "name it in Python"
            )
        return entry.function(reference, root), (entry.function,)
    file, colon, factory = reference.body.rpartition(":")
    if colon and file.endswith(".py") and factory:
        if not allow_code:
            raise ModelError(f"{reference.text!r} runs code; allow it with --audit-allow-code, or name it in Python")
        return run_factory(reference.text, root)
    if reference.body.endswith(".py"):
        raise ModelError(f"{reference.text!r}: name the factory in it, {reference.text}:build")
    program = next((scheme for suffix, scheme in _PROGRAMS.items() if reference.body.endswith(suffix)), None)
    if program is not None:
        raise ModelError(f"{reference.text!r}: say what the file is; write {program}:{reference.text}")
    if reference.body.endswith(SUFFIXES):
        raise ModelError(
            f"{reference.text!r}: a checkpoint holds weights and no architecture; write "
            f"torchvision:<name>?checkpoint={reference.text} (or timm:), or a factory that loads it: "
            "models/net.py:build"
        )
    schemes = ", ".join(f"{name}:…" for name in registry.names("model"))
    raise ModelError(f"{reference.text!r} is not a model reference; write {schemes} or path/file.py:factory")


def _eager(module: nn.Module) -> tuple[nn.Module, tuple[str, ...]]:
    """A compiled model's own module: hooks and gradients are not seen through compiled code."""
    original = getattr(module, "_orig_mod", None)
    if isinstance(original, nn.Module):
        return original, ("module: torch.compile was taken off, attribution needs the module itself",)
    return module, ()


def _probed(text: str, module: nn.Module, preprocessing: Preprocessing) -> tuple[tuple[int, int], Tensor, bool]:
    """The size of the probe, the logits [1, C] on it, and whether they have a gradient there, computed on the CPU."""
    sizes = [fixed] if (fixed := _fixed_size(preprocessing)) else [(side, side) for side in _OPEN_SIZES]
    failures: list[Exception] = []
    with frozen_module_on(module, "cpu"), torch.inference_mode(False):
        model = PixelModel(module, preprocessing)
        for size in sizes:
            try:
                logits, differentiable = _answer(model, probe_pixels(size))
                return size, _checked_logits(text, logits), differentiable
            except ModelError:
                raise
            except BaseException as error:  # whatever the user's forward raises
                failures.append(contained(error))
        others = [(side, side) for side in _OPEN_SIZES if (side, side) not in sizes]
        cure = way_out(module, preprocessing, sizes, others)
    tried = ", ".join(f"{height} x {width}" for height, width in sizes)
    raise ModelError(
        f"{text}: the forward pass of one {'grey' if preprocessing.channels == 1 else 'RGB'} image of {tried} raised "
        f"{described(failures[0])}; {cure}"
    ) from failures[0]


def _answer(model: nn.Module, pixels: Tensor) -> tuple[Tensor, bool]:
    """The logits, and whether a gradient leads from them to the pixels. What runs outside torch refuses tensors that
    want one, and is asked again without."""
    pixels = pixels.requires_grad_()
    try:
        with torch.enable_grad():
            logits = model(pixels)
            found = None
            if logits.requires_grad:
                (found,) = torch.autograd.grad(logits.sum(), pixels, allow_unused=True)
    except RuntimeError:
        with torch.no_grad():
            return model(pixels.detach()), False
    return logits.detach(), found is not None


def _fixed_size(preprocessing: Preprocessing) -> tuple[int, int] | None:
    """(height, width) after geometry; a shorter side without a crop is probed as a square."""
    size = preprocessing.crop if preprocessing.crop is not None else preprocessing.resize
    return (size, size) if isinstance(size, int) else size


def _checked_logits(text: str, logits: Tensor) -> Tensor:
    if logits.ndim != 2 or logits.shape[0] != 1:
        raise ModelError(f"{text}: one image gave an output of shape {list(logits.shape)}; logits are [1, classes]")
    if logits.shape[1] < 2:
        raise ModelError(f"{text}: it has one output; an audited classifier has one logit a class, for yes/no two")
    if not bool(logits.isfinite().all()):
        raise ModelError(
            f"{text}: its output on an image of noise is not finite; its weights or preprocessing are broken"
        )
    return logits


def _checked_classes(text: str, classes: Any, outputs: int) -> tuple[str, ...] | None:
    if classes is None:
        return None
    if isinstance(classes, str) or not all(isinstance(name, str) for name in classes):
        raise ModelError(f"{text}: classes={classes!r} must be the names by index, e.g. ['good', 'broken']")
    if len(classes) != outputs:
        raise ModelError(f"{text}: {len(classes)} class names for {outputs} outputs; give one a logit, in their order")
    return tuple(classes)


def _remaining(notes: tuple[str, ...], preprocessing: bool, classes: bool) -> tuple[str, ...]:
    """Drops assumptions that the user has answered; a note begins with what it is about."""
    said = tuple(subject for subject, given in (("preprocessing:", preprocessing), ("classes:", classes)) if given)
    return tuple(note for note in notes if not note.startswith(said)) if said else notes


def _looks_like_probabilities(logits: Tensor) -> tuple[str, ...]:
    row = logits[0].double()
    if bool((row >= 0).all()) and abs(float(row.sum()) - 1) < 1e-4:
        return ("outputs: they look like probabilities; attributions explain what stands before the softmax",)
    return ()
