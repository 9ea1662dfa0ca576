"""``onnx:<file>``: a graph that onnxruntime computes. It is data; nothing in it runs as code of its own."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..language.errors import ModelError, first_line, nearest
from ..language.reference import Reference
from ..language.regular_files import open_file
from ..language.sample import BuiltModel, Preprocessing
from .black_box import LAYOUTS, SCORES_ONLY, Layout, ScoresOnly, check_unnormalised, laid_out
from .final_activation import EndsIn, activated
from .loaded import model_source
from .onnx_endings import GraphEnding, graph_endings, with_outputs
from .outputs import as_columns

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
}
_PREPROCESSING = ("resize", "crop", "mean", "std", "interpolation")
#: where the channels are
_AXES: dict[Layout, int] = {"NCHW": 1, "NHWC": 3}
_EXTERNAL = 1  # onnx.TensorProto.EXTERNAL


@dataclass(frozen=True, repr=False)
class Graph:
    """The input and output of a graph.

    Args:
        layout, dtype: of its one input, the images.
        batch, height, width: of the input; None where any number will do.
        output: the name of the scores, or of the first output that may hold them.
        channels: of the images, 3 where the graph leaves it open.
        others: further outputs that may hold the scores.
    """

    input: str
    layout: Layout
    dtype: str
    batch: int | None
    height: int | None
    width: int | None
    output: str
    channels: int = 3
    others: tuple[str, ...] = ()

    @property
    def outputs(self) -> tuple[str, ...]:
        """All outputs that may hold the scores."""
        return (self.output, *self.others)

    def __repr__(self) -> str:
        """As it enters fingerprints: what the graph does not say is left out."""
        silent = {name for name, usual in (("channels", 3), ("others", ())) if getattr(self, name) == usual}
        shown = [part.name for part in fields(self) if part.name not in silent]
        return f"Graph({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


class OnnxModel(ScoresOnly):
    """An ONNX graph as a module: on the CPU, or by CUDA where the pixels are on a GPU and onnxruntime has it.

    A softmax or sigmoid that it ends in is left to torch, so that what stands before it can be read.
    """

    def __init__(self, path: Path, reference: Reference) -> None:
        super().__init__()
        cpu = torch.device("cpu")
        self.path, self.digest = path, _digest(path)
        plain = _session(path, str(path), cpu)
        self.graph = _graph(plain, reference)
        self.batch = self.graph.batch
        self._endings, self._inner = _endings(path, self.graph.outputs)
        self._sessions = {cpu: _extended(path, self._inner, cpu) if self._inner else plain}
        if self._sessions[cpu] is None:  # the graph cannot be given further outputs
            self._endings, self._inner, self._sessions = {}, (), {cpu: plain}

    @property
    def ends_in(self) -> EndsIn | None:
        """What the graph ends in, where that is not seen in a pass."""
        ending = self._endings.get(self.graph.output)
        return "unbounded" if ending is not None and ending.unbounded else None

    def forward(self, pixels: Tensor) -> Tensor | dict[str, Tensor]:
        """The output [B, C] or [B], or several of these by name."""
        returned = super().forward(pixels)
        values = {self.graph.output: returned} if isinstance(returned, Tensor) else returned
        made = {name: self._ended(name, values) for name in self.graph.outputs if name in values}
        return made[self.graph.output] if len(self.graph.outputs) == 1 else made

    def _ended(self, name: str, values: Mapping[str, Tensor]) -> Tensor:
        """An output, its last function computed by torch where that gives the same."""
        output, ending = values[name], self._endings.get(name)
        before = values.get(ending.before) if ending is not None else None
        columns = None if before is None else as_columns(before, len(output))
        if ending is None or ending.activation is None or columns is None or columns.numel() != output.numel():
            return output
        made = activated(ending.activation, columns).reshape(output.shape)
        return made if torch.allclose(made, output, rtol=1e-2, atol=1e-3, equal_nan=True) else output

    def scores(self, images: Tensor) -> Any:
        """What the graph's output holds.

        Raises:
            ValueError: the graph takes images of another size.
        """
        graph, size = self.graph, tuple(images.shape[2:])
        if any(side not in (None, own) for side, own in zip((graph.height, graph.width), size, strict=True)):
            raise ValueError(
                f"{self.path}: takes images of {graph.height or 'any'} x {graph.width or 'any'}, not {size[0]} x "
                f"{size[1]}; say so with Preprocessing(resize=..., crop=...)"
            )
        given = laid_out(images, graph.layout, graph.dtype, str(self.path)).cpu().numpy()
        names = (*graph.outputs, *self._inner)
        found = self._session(images.device).run(list(names), {graph.input: given})
        return found[0] if len(names) == 1 else dict(zip(names, found, strict=True))

    def extra_repr(self) -> str:
        """The digest of the file and its weights, so that the fingerprint covers them."""
        return f"sha256={self.digest}, graph={self.graph}"

    def _session(self, device: torch.device) -> Any:
        if device not in self._sessions:
            if _digest(self.path) != self.digest:
                raise ModelError(f"{self.path}: the file changed while it was in use; run the audit again")
            content = _extended(self.path, self._inner, device) if self._inner else None
            self._sessions[device] = content or _session(self.path, str(self.path), device)
        return self._sessions[device]

    def _name(self) -> str:
        return f"{self.path}: output {self.graph.output!r}"


@model_source("onnx")
def onnx_model(reference: Reference, root: Path) -> BuiltModel:
    """The classifier in an ONNX file: ``onnx:net.onnx?output=logits&layout=NCHW&resize=256&crop=224&mean=…&std=…``.

    ``output`` names the scores (by default the only output in the shape of scores, or of several the one with a column
    for each class), ``layout`` the order of the input's axes where
    the graph leaves it open. The graph may take float32, float16, float64 or uint8 images (uint8: pixel values, so no
    mean and std), any number of them or a fixed one. Without any of resize, crop (``224`` or ``224x320``), mean, std
    (one number a channel, with commas, or one) and interpolation, the audit must say how its input is prepared.

    Raises:
        ModelError: no such file, no classifier of RGB images, operators of other libraries, or no onnxruntime.
    """
    reference.only(("output", "layout", *_PREPROCESSING), ModelError)
    path = (root / reference.body).resolve()
    if not path.is_file():
        raise ModelError(f"{reference.text!r}: no file {path}; relative paths start at pytest's rootdir")
    try:
        module = OnnxModel(path, reference)
    except UnicodeDecodeError as error:  # onnxruntime decodes names as they are asked for
        raise ModelError(f"{reference.text!r}: {path} holds a name that is not UTF-8; export it again") from error
    preprocessing = _preprocessing(reference, module.graph.channels)
    if module.graph.dtype == "uint8" and preprocessing is not None:
        check_unnormalised(preprocessing, repr(reference.text))
    return BuiltModel(module, preprocessing, None, (SCORES_ONLY,))


def _endings(path: Path, outputs: Sequence[str]) -> tuple[dict[str, GraphEnding], tuple[str, ...]]:
    """What the outputs end in, and the inner values that stand before a softmax or sigmoid."""
    endings = graph_endings(_library("onnx").load(str(path), load_external_data=False), outputs)
    inner = (one.before for one in endings.values() if one.before and one.before not in outputs)
    return endings, tuple(dict.fromkeys(inner))


def _extended(path: Path, inner: Sequence[str], device: torch.device) -> Any:
    """A session of the graph with inner values as outputs; None where onnxruntime does not take it."""
    model = _library("onnx").load(str(path), load_external_data=False)
    try:
        return _session(path, with_outputs(model, inner), device)
    except ModelError:
        return None


def _session(path: Path, content: str | bytes, device: torch.device) -> Any:
    """A session of a file or its content; weights in other files are next to `path`."""
    runtime = _library("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 3  # errors; they are raised as well
    if isinstance(content, bytes):
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(path.parent))
    providers: list[Any] = ["CPUExecutionProvider"]
    if device.type == "cuda" and "CUDAExecutionProvider" in runtime.get_available_providers():
        # no algorithm is chosen by timing, and float32 is float32
        exact = {"device_id": device.index or 0, "cudnn_conv_algo_search": "DEFAULT", "use_tf32": 0}
        providers.insert(0, ("CUDAExecutionProvider", exact))
    try:
        return runtime.InferenceSession(content, options, providers=providers)
    except Exception as error:  # onnxruntime has an exception type for each of its status codes
        raise ModelError(
            f"{path}: onnxruntime cannot load it ({first_line(error)}); export it again, with standard operators only"
        ) from error


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ModelError(f"onnx models need {name}: pip install 'pytest-modelaudit[onnx]' ({error})") from error


def _graph(session: Any, reference: Reference) -> Graph:
    inputs = session.get_inputs()
    if len(inputs) != 1:
        names = ", ".join(one.name for one in inputs)
        raise ModelError(f"{reference.text!r}: takes {len(inputs)} inputs ({names}), and an audited model one: images")
    given = inputs[0]
    if given.type not in _DTYPES:
        raise ModelError(f"{reference.text!r}: its input {given.name!r} is {given.type}, not {', '.join(_DTYPES)}")
    shape = [part if isinstance(part, int) else None for part in given.shape]
    if len(shape) != 4:
        raise ModelError(f"{reference.text!r}: its input {given.name!r} has shape {given.shape}; images have four axes")
    layout = _layout(reference, given.name, shape)
    height, width = (shape[2], shape[3]) if layout == "NCHW" else (shape[1], shape[2])
    output, *others = _outputs(reference, session.get_outputs())
    channels = shape[_AXES[layout]] or 3
    return Graph(given.name, layout, _DTYPES[given.type], shape[0], height, width, output, channels, tuple(others))


def _layout(reference: Reference, name: str, shape: list[int | None]) -> Layout:
    fitting = [layout for layout, axis in _AXES.items() if shape[axis] in (1, 3, None)]
    certain = [layout for layout, axis in _AXES.items() if shape[axis] in (1, 3)]
    said = reference.options.get("layout")
    if said is not None and said not in LAYOUTS:
        raise ModelError(f"{reference.text!r}: layout={said!r} is not possible{nearest(said, LAYOUTS)}")
    if not fitting or (said is not None and said not in fitting):
        raise ModelError(
            f"{reference.text!r}: its input {name!r} has shape {shape}, which is not that of RGB or grey images "
            f"{said or 'in any layout'}; export it with a first layer that makes its channels of RGB"
        )
    chosen = [said] if said is not None else certain if len(certain) == 1 else fitting
    if len(chosen) != 1:
        raise ModelError(
            f"{reference.text!r}: its input {name!r} has shape {shape}, which leaves open where the channels are; "
            "add ?layout=NCHW or ?layout=NHWC"
        )
    return "NCHW" if chosen[0] == "NCHW" else "NHWC"


def _outputs(reference: Reference, outputs: Iterable[Any]) -> list[str]:
    """The outputs that may hold the scores: the one that is named, else all in the shape of scores."""
    tensors: dict[str, list[Any]] = {one.name: list(one.shape) for one in outputs if one.type.startswith("tensor(")}
    said = reference.options.get("output")
    if said is not None:
        if said not in tensors:
            raise ModelError(f"{reference.text!r}: the graph has no output {said!r}{nearest(said, tensors)}")
        return [said]
    fitting = [name for name, shape in tensors.items() if shape and all(side == 1 for side in shape[2:])]
    if not fitting:
        listed = ", ".join(f"{name} of rank {len(shape)}" for name, shape in tensors.items()) or "none"
        raise ModelError(
            f"{reference.text!r}: no output is [images, classes] (tensors: {listed}); name it with ?output="
        )
    return fitting


def _preprocessing(reference: Reference, channels: int) -> Preprocessing | None:
    said = {name: text for name, text in reference.options.items() if name in _PREPROCESSING}
    if not said:
        return None
    values: dict[str, Any] = {}
    for name, text in said.items():
        try:
            if name in ("resize", "crop"):
                sides = tuple(int(part) for part in text.split("x"))
                values[name] = sides[0] if len(sides) == 1 else sides
                if len(sides) > 2 or min(sides) < 1:
                    raise ValueError("one or two sides")
            elif name in ("mean", "std"):
                numbers = tuple(float(part) for part in text.split(","))
                values[name] = numbers * channels if len(numbers) == 1 else numbers
            else:
                values[name] = text
        except ValueError as error:
            wanted = "224 or 224x320" if name in ("resize", "crop") else "0.485,0.456,0.406"
            raise ModelError(f"{reference.text!r}: {name}={text!r}; write e.g. {name}={wanted}") from error
    return Preprocessing(**values, channels=channels)


def _digest(path: Path) -> str:
    """sha256 over the file and, in the order of their names, the files next to it that hold its weights."""
    digest = hashlib.sha256()
    for file in (path, *sorted(_weights_beside(path))):
        with open_file(file) as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()


def _weights_beside(path: Path) -> set[Path]:
    onnx = _library("onnx")
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf's own types
        raise ModelError(f"{path}: cannot be read as an ONNX file ({first_line(error)})") from error
    found = set()
    in_functions = _in_nodes(node for function in model.functions for node in function.node)
    for tensor in (*_tensors(model.graph), *in_functions):
        if tensor.data_location == _EXTERNAL:
            location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
            file = (path.parent / location).resolve()
            if not file.is_relative_to(path.parent):
                raise ModelError(f"{path}: its weights are outside its folder, in {location!r}; keep them next to it")
            if not file.is_file():
                raise ModelError(
                    f"{path}: its weights {location!r} are missing next to it; copy {file.name} along with it"
                )
            found.add(file)
    return found


def _tensors(graph: Any) -> Iterator[Any]:
    """All tensors that a graph stores, those of branches and loops included."""
    yield from graph.initializer
    for part in graph.sparse_initializer:
        yield from (part.values, part.indices)
    yield from _in_nodes(graph.node)


def _in_nodes(nodes: Iterable[Any]) -> Iterator[Any]:
    for node in nodes:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for part in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (part.values, part.indices)
            for inner in (attribute.g, *attribute.graphs):
                if inner.node:
                    yield from _tensors(inner)
