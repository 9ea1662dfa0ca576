"""What the outputs of an ONNX graph end in, and the graph with what stands before a softmax or sigmoid as an output."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .final_activation import Activation

_ACTIVATIONS: dict[str, Activation] = {"Softmax": "softmax", "LogSoftmax": "log_softmax", "Sigmoid": "sigmoid"}
_RESHAPING = frozenset({"Identity", "Squeeze", "Unsqueeze", "Flatten", "Reshape", "Cast"})
_UNBOUNDED = frozenset({"Gemm", "MatMul", "Conv", "BatchNormalization"})
_LEAVE_UNBOUNDED = _RESHAPING | {"Add", "Sub", "Mul", "Div", "GlobalAveragePool", "AveragePool", "ReduceMean"}


@dataclass(frozen=True)
class GraphEnding:
    """What an output ends in.

    Args:
        activation: the softmax or sigmoid; None for another operator.
        before: the name of the value that it is applied to; "" where there is none.
        unbounded: it comes from an operator whose values have no bounds, and from nothing that bounds them.
    """

    activation: Activation | None = None
    before: str = ""
    unbounded: bool = False


def graph_endings(model: Any, outputs: Iterable[str]) -> dict[str, GraphEnding]:
    """The endings of these outputs of an ``onnx.ModelProto``."""
    makers = {name: node for node in model.graph.node for name in node.output}
    return {output: _ending(makers, output) for output in outputs}


def with_outputs(model: Any, names: Sequence[str]) -> bytes:
    """The model as a file, with inner values as further outputs; it is changed."""
    present = {output.name for output in model.graph.output}
    for name in names:
        if name not in present:
            model.graph.output.add().name = name
            present.add(name)
    content: bytes = model.SerializeToString()
    return content


def _ending(makers: Mapping[str, Any], name: str) -> GraphEnding:
    node = makers.get(name)
    while node is not None and node.op_type in _RESHAPING:
        node = makers.get(node.input[0])
    if node is not None and node.op_type in _ACTIVATIONS and not node.domain:
        return GraphEnding(_ACTIVATIONS[node.op_type], node.input[0])
    return GraphEnding(unbounded=_unbounded(makers, name))


def _unbounded(makers: Mapping[str, Any], name: str) -> bool:
    """Of a sum or product any factor will do; a constant has no maker."""
    node = makers.get(name)
    if node is None or node.domain:
        return False
    if node.op_type in _UNBOUNDED:
        return True
    return node.op_type in _LEAVE_UNBOUNDED and any(_unbounded(makers, given) for given in node.input)
