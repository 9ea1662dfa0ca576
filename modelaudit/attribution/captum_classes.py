"""Names any attribution class of captum: ``captum("InternalInfluence", n_steps=20)``.

Captum is imported when such a method is first planned or run, never before.
"""

from __future__ import annotations

import inspect
import keyword
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from ..language.errors import AttributionError, ExpressionError, nearest
from ..language.spec import Method, plain, value_text
from .baselines import named
from .superpixels import check_segments

NAME = "captum"
#: arguments of captum's that are ours to give, or that change what is returned
_RESERVED = frozenset({
    "forward_func", "model", "inputs", "target", "additional_forward_args", "feature_mask", "layer_mask",
    "layer_baselines", "internal_batch_size", "perturbations_per_eval", "return_convergence_delta",
    "return_input_shape", "attribute_to_layer_input", "attribute_to_neuron_input", "device_ids", "show_progress",
    "verbose", "kwargs",
})  # fmt: skip
#: classes that draw; the tests hold this against captum itself
DRAWING = frozenset({
    "GradientShap", "KernelShap", "LayerGradientShap", "Lime", "NeuronGradientShap", "ShapleyValueSampling",
})  # fmt: skip
#: classes that change how modules called ReLU pass gradients back, and no other ReLU
RELU_MODULES = frozenset({
    "Deconvolution", "GuidedBackprop", "GuidedGradCam", "NeuronDeconvolution", "NeuronGuidedBackprop",
})  # fmt: skip
_INSTEAD: Mapping[str, str] = {
    "NoiseTunnel": "take smoothgrad, smoothgrad_squared or vargrad",
    "LimeBase": 'take captum("Lime")',
    "neuron_selector": "give the neuron, e.g. neuron_selector=[0, 3, 3]",
}
_SEGMENTS, _FEWEST_SEGMENTS = 64, 4
_MOST_ORDERS = 100_000


@dataclass(frozen=True, init=False)
class Captum(Method):
    """An attribution class of ``captum.attr``, run as captum runs it.

    >>> str(Captum("InternalInfluence", n_steps=20))
    'captum(InternalInfluence, n_steps=20)'

    Values over channels are summed, with their sign. A class that reads a layer reads the last spatial layer, or the
    one that is named, and its values are brought to the image's size bilinearly with align_corners=False. Where captum
    promises that the values sum to f(x) - f(baseline), a map that misses it by more than 5 % counts as
    ``attribution_invalid``. What captum leaves to its defaults changes with captum: its version is in the store's key.

    Args:
        algorithm: the class, e.g. "InternalInfluence".
        layer: the module's name in the user's model, for classes that read a layer; None takes the last spatial layer.
        parameters: arguments of the class's constructor and of ``attribute``: numbers, texts, true, false, None or
            lists of these. Instead of tensors, ``baselines`` names one baseline or several ("black", "white", "mean",
            "blur", "noise"; by default black, and black and white where captum wants several), and ``segments`` (64)
            says how many rectangles the image is cut into where captum wants a feature mask.

    Raises:
        ExpressionError: an argument that is not one of these kinds of values. Whether captum has such a class and such
            an argument is known when it first runs (AttributionError).
    """

    algorithm: str
    layer: str | None = None
    parameters: tuple[tuple[str, Any], ...] = ()

    keywords: ClassVar[str | None] = "parameters"

    def __init__(self, algorithm: str, *, layer: str | None = None, **parameters: Any) -> None:
        if not isinstance(algorithm, str) or not algorithm.isidentifier():
            raise ExpressionError(
                f'captum: {algorithm!r} is not the name of a class; write e.g. captum("InternalInfluence")'
            )
        if layer is not None and (not isinstance(layer, str) or not layer):
            raise ExpressionError(f"captum: layer={layer!r} must be the name of a module, e.g. layer='layer4'")
        for name in parameters:
            if not name.isidentifier() or keyword.iskeyword(name):
                raise ExpressionError(f"captum: {name!r} is not the name of an argument")
            if name in _RESERVED:
                raise ExpressionError(f"captum: {name} is set by the audit itself; leave it out")
        if "baselines" in parameters:
            named(_value("baselines", parameters["baselines"]), "captum: baselines")
        if "segments" in parameters:
            check_segments(NAME, parameters["segments"])
        values = tuple((name, _value(name, parameters[name])) for name in sorted(parameters))
        for field, value in (("algorithm", algorithm), ("layer", layer), ("parameters", values)):
            object.__setattr__(self, field, value)


def _value(name: str, value: Any) -> Any:
    """The value in its one form: lists as tuples, whole numbers as int, so that equal choices have one text."""
    value = plain(value)
    if isinstance(value, list | tuple):
        return tuple(_value(name, part) for part in value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    if value is None or isinstance(value, bool | int | float | str):
        value_text(value)  # refuses what is not finite
        return value
    raise ExpressionError(
        f"captum: {name}={value!r} must be a number, a text, true, false, None or a list of these; tensors and "
        "functions cannot stand in an audit"
    )


@dataclass(frozen=True)
class CaptumClass:
    """A class of captum with the arguments of its constructor and of its ``attribute``."""

    made: type[Any]
    constructor: Mapping[str, inspect.Parameter]
    attribute: Mapping[str, inspect.Parameter]

    @property
    def name(self) -> str:
        """The name users write."""
        return self.made.__name__

    @property
    def reads_layer(self) -> bool:
        """Whether it is made for a layer of the model."""
        return "layer" in self.constructor

    def takes(self, name: str) -> bool:
        """Whether ``attribute`` has an argument of this name."""
        return name in self.attribute


@cache
def class_of(algorithm: str) -> CaptumClass:
    """The class of captum of that name.

    Raises:
        AttributionError: there is none, or it explains something other than one image.
    """
    from captum import attr

    known = [name for name in attr.__all__ if _explains(attr, getattr(attr, name))]
    if algorithm not in attr.__all__ or not inspect.isclass(getattr(attr, algorithm)):
        raise AttributionError(f"captum.attr has no attribution class {algorithm!r}{nearest(algorithm, known)}")
    made = getattr(attr, algorithm)
    if not issubclass(made, attr.Attribution):
        raise AttributionError(f"captum.attr.{algorithm} is not an attribution class{nearest(algorithm, known)}")
    if not callable(getattr(made, "attribute", None)):
        raise AttributionError(f"captum({algorithm}) is a base class of captum's and explains nothing by itself")
    found = CaptumClass(made, _arguments(made.__init__), _arguments(made.attribute))
    if not found.takes("inputs"):
        raise AttributionError(f"captum({algorithm}) explains a data loader or a text, not an image")
    if issubclass(made, attr.FeaturePermutation):
        raise AttributionError(
            f"captum({algorithm}) exchanges features between the images of a batch, so a map would depend on the other "
            'images; take captum("FeatureAblation")'
        )
    return found


def _explains(attr: Any, value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, attr.Attribution) and hasattr(value, "attribute")


def _arguments(function: Any) -> Mapping[str, inspect.Parameter]:
    return {name: part for name, part in inspect.signature(function).parameters.items() if name != "self"}


def declared_class(spec: Captum) -> CaptumClass | None:
    """The class, None where there is none: the plan does not fail, the method does when it runs."""
    try:
        return class_of(spec.algorithm)
    except AttributionError:
        return None


def baselines_of(spec: Captum) -> tuple[str, ...]:
    """The baselines that are named, by default black, and black and white where captum wants a distribution."""
    given = dict(spec.parameters).get("baselines")
    if given is not None:
        return named(given, "captum: baselines")
    return ("black", "white") if spec.algorithm.endswith("Shap") and spec.algorithm != "KernelShap" else ("black",)


def check_arguments(spec: Captum, found: CaptumClass) -> None:
    """Check that captum's class takes what is given, and has all that it needs.

    Raises:
        AttributionError: an unknown argument, one that is missing, or more orders than can be run.
    """
    known = {*found.constructor, *found.attribute} - _RESERVED - {"layer", "baselines"}
    known |= {"segments"} if found.takes("feature_mask") else set()
    known |= {"baselines"} if found.takes("baselines") else set()
    given = dict(spec.parameters)
    for name in given:
        if name not in known:
            raise AttributionError(
                f"captum({found.name}): unknown argument {name!r}{nearest(name, sorted(known)) or ' (it takes none)'}"
            )
    if spec.layer is not None and not found.reads_layer:
        raise AttributionError(f"captum({found.name}) reads no layer; leave layer={spec.layer!r} out")
    ours = _RESERVED | {"layer", "baselines", "sliding_window_shapes"}
    for name, part in {**found.constructor, **found.attribute}.items():
        if part.default is part.empty and name not in ours and name not in given:
            hint = (
                _INSTEAD.get(name) or _INSTEAD.get(found.name) or "which cannot stand in an audit; take another class"
            )
            raise AttributionError(f"captum({found.name}) needs {name}: {hint}")
    if found.name == "ShapleyValues" and (orders := math.factorial(segments_of(spec))) > _MOST_ORDERS:
        raise AttributionError(
            f"{spec}: {orders:,} orders of {segments_of(spec)} segments are too many; take ShapleyValueSampling"
        )


def segments_of(spec: Captum) -> int:
    """The rectangles that an image is cut into; only the fewest have few enough orders for exact Shapley values."""
    default = _FEWEST_SEGMENTS if spec.algorithm == "ShapleyValues" else _SEGMENTS
    return int(dict(spec.parameters).get("segments", default))
