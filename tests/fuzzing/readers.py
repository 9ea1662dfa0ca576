"""Every reader of files that others write, each with a small tree of real files and a call that reads all of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from data.trees import BUILDERS, ContextInput, scene_of, write

from modelaudit import standards
from modelaudit.data import UnusableSample, decode, open_data
from modelaudit.data.labels import read_labels
from modelaudit.evidence.record import read_record, write_record
from modelaudit.language.yaml_file import load_audit_file
from modelaudit.standards.standard_file import read_standard

BUILT_IN = Path(standards.__file__).parent

AUDIT = """\
model: demo:sound
data: demo:?images=60
classes: [red, green]
preprocessing: {resize: 256, crop: [224, 224], mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2], interpolation: bilinear}
labels: {red: 0, green: [1]}
confidence: 0.95
seed: 7
checks: {masks: 20, noise: off}
pools:
  night: photos:data/night
expect:
  right: accuracy > 0.9
  object:
    that: background_dependence(integrated_gradients).under(swap_background(other_class)) < 0.40
    clause: '4.2'
    confidence: 0.9
    must_fail: false
    marks: [slow, {skip: why}]
  groups:
    that: accuracy.where(column(exposure) < 3 and label(red)).under(lighting(3)) - accuracy > -0.1
"""


@dataclass(frozen=True)
class Reader:
    """A reader of one kind of files.

    Args:
        build: writes the files below a folder.
        read: reads them; what it returns does not matter.
        only: the endings of the files that are changed; empty: all.
        cost: about how many inputs of other readers one input costs.
    """

    build: Callable[[Path], object]
    read: Callable[[Path], object]
    only: tuple[str, ...] = ()
    cost: int = 1


def _decoded(reference: str, root: Path) -> None:
    """Opens data and decodes every sample; the first that is unusable is raised when all were tried."""
    unusable: UnusableSample | None = None
    for sample in open_data(reference, root=root).samples:
        try:
            decode(sample)
        except UnusableSample as error:
            unusable = unusable or error
    if unusable is not None:
        raise unusable


def _source(name: str, **scene: Any) -> Reader:
    """A source of data: the trees of the tests across sources, two images each."""

    def build(root: Path) -> None:
        BUILDERS[name](root, scene_of(**scene))

    def read(root: Path) -> None:
        _decoded(_reference(name, root), root)

    return Reader(build, read)


@cache
def _kinds() -> dict[str, str]:
    return {"coco": "coco:{}/instances_val.json", "csv": "csv:{}/line.csv", "jsonl": "jsonl:{}/line.jsonl"}


def _reference(name: str, root: Path) -> str:
    kind, _, rest = name.partition(" ")
    if kind in _kinds():
        return _kinds()[kind].format(root)
    if kind == "voc":
        return f"voc:{root}?masks={rest}"
    if kind == "yolo":
        return f"yolo:{root / 'data.yaml'}"
    if kind == "webdataset":
        return f"webdataset:{root}/line-{{000..000}}.tar"
    if kind == "hf":
        return f"hf:{root / 'saved'}?mask=mask"
    return f"{kind}:{root}"


def _parquet(root: Path) -> None:
    import datasets

    from_tree = scene_of()
    columns = {"image": datasets.Image(), "label": datasets.Value("string"), "lot": datasets.Value("int64")}
    cells = {
        "image": [{"bytes": from_tree.content, "path": "a.png"}, {"bytes": from_tree.content, "path": "b.png"}],
        "label": ["cat", "dog"],
        "lot": [1, 2],
    }
    table = datasets.Dataset.from_dict(cells, features=datasets.Features(columns))
    table.to_parquet(root / "line.parquet")


def _machine_masks(root: Path) -> None:
    import hashlib

    BUILDERS["folder"](root, scene_of())
    mask = root / "masks" / "cat" / "a.png"
    listed = {"cat/a.png": {"sha256": hashlib.sha256(mask.read_bytes()).hexdigest(), "maker": 0}}
    document = {"format": "modelaudit-masks/1", "makers": [{"by": "x", "version": "1"}], "files": listed}
    write(root / "masks" / "modelaudit-masks.json", json.dumps(document))


def _grouped(root: Path) -> None:
    _decoded(f"webdataset:{root}/line-000.tar?label=class&group=column:lot", root)


def _facts(root: Path) -> None:
    import io
    import tarfile

    files = {"a.png": scene_of().content, "a.json": json.dumps({"class": "cat", "lot": 3, "more": {"x": [1]}}).encode()}
    with tarfile.open(root / "line-000.tar", "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def _record(root: Path) -> None:
    from report.sample_record import record

    write_record(record(), root)


def _weights(suffix: str) -> Reader:
    def build(root: Path) -> None:
        import torch
        from safetensors.torch import save_file

        state = {"conv.weight": torch.ones(2, 3), "conv.bias": torch.zeros(2), "steps": torch.tensor(7)}
        path = root / f"net{suffix}"
        save_file(state, path) if suffix == ".safetensors" else torch.save({"state_dict": state, "epoch": 3}, path)

    def read(root: Path) -> None:
        from modelaudit.models.checkpoint import read_checkpoint

        read_checkpoint(root / f"net{suffix}")

    return Reader(build, read)


def _onnx(root: Path) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("ReduceMean", ["images", "axes"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], ["logits"]),
    ]
    weights, axes = np.ones((3, 4), dtype=np.float32), np.array([2, 3])
    made = helper.make_graph(
        nodes,
        "means",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 4])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(axes, "axes")],
    )
    opsets = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(made, opset_imports=opsets, ir_version=9), root / "net.onnx")


def _open_onnx(root: Path) -> None:
    from modelaudit.models import open_model

    open_model("onnx:net.onnx?resize=8&crop=8", root=root)


def _vit(root: Path) -> None:
    import torch
    import transformers

    torch.manual_seed(0)
    sizes = {"image_size": 16, "patch_size": 8, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    names = {0: "good", 1: "scratched"}
    config = transformers.ViTConfig(**sizes, intermediate_size=8, id2label=names)
    transformers.ViTForImageClassification(config).save_pretrained(root / "vit")
    transformers.ViTImageProcessor(size={"height": 16, "width": 16}).save_pretrained(root / "vit")


def _open_vit(root: Path) -> None:
    from modelaudit.models import open_model

    open_model("hf:vit", root=root)


def _classes(root: Path) -> None:
    from modelaudit.cli.data import read_classes

    read_classes(root / "classes.txt")
    read_classes(root / "classes.json")


def _photos(root: Path) -> None:
    _decoded(f"photos:{root / 'images'}", root)


def _built(content: dict[str, str]) -> Callable[[Path], None]:
    def build(root: Path) -> None:
        for name, text in content.items():
            write(root / name, text)

    return build


def _jpeg(root: Path) -> None:
    for orientation in (1, 6):
        scene: ContextInput = scene_of(orientation, "JPEG", name=f"{orientation}.jpg")
        write(root / "images" / "cat" / scene.name, scene.content)


#: by what is read; a new reader is a new row
READERS: dict[str, Reader] = {
    **{name: _source(name) for name in BUILDERS},
    "photos": Reader(_jpeg, _photos),
    "webdataset facts": Reader(_facts, _grouped),
    "hf parquet": Reader(_parquet, lambda root: _decoded(f"hf:{root / 'line.parquet'}", root), cost=4),
    "machine masks": Reader(_machine_masks, lambda root: _decoded(f"folder:{root}", root), only=(".json",)),
    "label map (json)": Reader(
        _built({"labels.json": '{"cat": "Cat", "dog": ["Dog", "Wolf"], "3": 7}'}),
        lambda root: read_labels(root / "labels.json"),
    ),
    "label map (csv)": Reader(
        _built({"labels.csv": "label,class\ncat,Cat\ndog,Dog\ndog,Wolf\n"}),
        lambda root: read_labels(root / "labels.csv"),
    ),
    "class names": Reader(_built({"classes.txt": "cat\ndog\n", "classes.json": '["cat", "dog"]'}), _classes),
    "audit YAML": Reader(
        _built({"line.audit.yaml": AUDIT}), lambda root: load_audit_file(root / "line.audit.yaml", allow_code=False)
    ),
    "standard YAML": Reader(
        _built({"ours.yaml": (BUILT_IN / "mlqm-3.yaml").read_text(encoding="utf-8")}),
        lambda root: read_standard(str(root / "ours.yaml")),
    ),
    "run.json": Reader(_record, read_record),
    "weights .pt": _weights(".pt"),
    "weights .safetensors": _weights(".safetensors"),
    "onnx": Reader(_onnx, _open_onnx, cost=4),
    "hf model": Reader(_vit, _open_vit, cost=25),
}
READERS["hf"] = Reader(READERS["hf"].build, READERS["hf"].read, cost=4)
READERS["imagenet_s"] = Reader(READERS["imagenet_s"].build, READERS["imagenet_s"].read, cost=2)
