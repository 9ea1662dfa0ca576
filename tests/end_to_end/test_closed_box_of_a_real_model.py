"""SqueezeNet in a box: exported as ONNX, run by a script of another process, audited by its answers alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from engine.small_audits import asked, measured, results, values
from safetensors.torch import load_file

from modelaudit.contexts import lighting, swap_background
from modelaudit.data import open_data
from modelaudit.language import Audit, AuditCase, Preprocessing, Sample
from modelaudit.language.sample import BuiltModel
from modelaudit.measures import accuracy, background_dependence, confidence, flip_rate
from modelaudit.models import black_box
from modelaudit.preview.rendered_folder import RenderedFolder, header_of
from modelaudit.preview.rendering import Rendering, render_sets

pytestmark = pytest.mark.assets
CLASSES = tuple(f"c{index}" for index in range(1000))
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIZE = Preprocessing(resize=(224, 224))
SWAP = swap_background("other_class")
BOX = """
import csv, json, sys
from pathlib import Path
import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
folder, rows = Path(sys.argv[2]), []
for file in sorted((folder / "pictures").rglob("*")):
    if file.suffix == ".npy":
        pixels = np.load(file)
    elif file.suffix == ".png":
        pixels = np.asarray(Image.open(file), dtype=np.float32).transpose(2, 0, 1) / np.float32(255)
    else:
        continue
    given = ((pixels - mean[:, None, None]) / std[:, None, None])[None].astype(np.float32)
    rows.append((file.stem, session.run(None, {"pixels": given})[0][0]))
with open(folder / "answers.csv", "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["picture", *(f"score:c{index}" for index in range(1000))])
    writer.writerows([name, *map(float, scores)] for name, scores in rows)
with open(folder / "answers.jsonl", "w") as file:
    for name, scores in rows:
        scores = {f"c{at}": float(one) for at, one in enumerate(scores)}
        file.write(json.dumps({"picture": name, "scores": scores}) + "\\n")
with open(folder / "labels.csv", "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["picture", "label"])
    writer.writerows([name, f"c{scores.argmax()}"] for name, scores in rows)
"""

CAPTUM = """
import sys
from pathlib import Path
import numpy as np
import torch
import torchvision
from captum.attr import LayerGradCam
from safetensors.torch import load_file

net = torchvision.models.squeezenet1_0()
net.load_state_dict(load_file(sys.argv[1]))
net.eval()
folder = Path(sys.argv[2])
(folder / "maps" / "gradcam").mkdir(parents=True)
mean, std = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
rows = ["picture,label"]
for file in sorted((folder / "pictures").rglob("*.npy")):
    given = ((torch.from_numpy(np.load(file)) - mean) / std)[None].requires_grad_()
    answer = int(net(given).argmax())
    found = LayerGradCam(net, net.features).attribute(given, answer, relu_attributions=True)
    np.savez(folder / "maps" / "gradcam" / f"{file.stem}.npz", map=found[0, 0].detach().numpy())
    rows.append(f"{file.stem},c{answer}")
(folder / "answers.csv").write_text("\\n".join(rows) + "\\n", encoding="utf-8")
"""


@pytest.fixture(scope="module")
def net(assets: Path) -> torch.nn.Module:
    found = torchvision.models.squeezenet1_0()
    found.load_state_dict(load_file(assets / "models" / "squeezenet1_0-imagenet1k.safetensors"))
    return found.eval()


@pytest.fixture(scope="module")
def photos(assets: Path) -> list[Sample]:
    return list(open_data(f"folder:{assets / 'pets'}", root=Path(), quiet=True).samples)[::9]


def cases(model: Any, photos: list[Sample], **options: Any) -> dict[str, AuditCase]:
    labels = {str(one.label): int(str(one.label).partition("_")[0]) for one in photos}
    audit = Audit(
        model, photos, classes=CLASSES, labels=labels, object_kept=0, checks="off", scores="logits", **options
    )
    return {
        "right": audit.expect(accuracy > 0.3),
        "swapped": audit.expect(accuracy.under(SWAP) > 0.1),
        "flips": audit.expect(flip_rate.under(SWAP) < 0.9),
        "light": audit.expect(accuracy.under(lighting(2)) > 0.1),
        "sure": audit.expect(confidence > 0.2),
    }


# by day png for answers of each kind, and exact pictures in the example and in the test of captum's maps below
@pytest.mark.parametrize("pictures", ["png", pytest.param("npy", marks=pytest.mark.nightly)])
def test_answers_of_a_script_are_worth_what_the_model_itself_is(
    pictures: Any, net: torch.nn.Module, photos: list[Sample], tmp_path: Path
) -> None:
    box = tmp_path / "box"
    (one,) = render_sets(
        cases("predictions:box/answers.csv", photos, preprocessing=SIZE).items(),
        root=tmp_path, seed=0, checks=True, limit=None,
    )  # fmt: skip
    folder, rendering = RenderedFolder(box, header_of(one, "audit.py", pictures)), Rendering(one, tmp_path)
    folder.begin(one.at_most, rendering.size())
    folder.write(rendering.pictures(), lambda count: "")
    torch.onnx.export(net, (torch.zeros(1, 3, 224, 224),), tmp_path / "net.onnx", input_names=["pixels"], dynamo=False)
    (tmp_path / "box.py").write_text(BOX)
    subprocess.run([sys.executable, "box.py", "net.onnx", "box"], cwd=tmp_path, check=True, timeout=300)

    def predict(images: torch.Tensor) -> torch.Tensor:
        shown = images.float() / 255
        return net((shown - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1))

    whole = Preprocessing(resize=(224, 224), mean=MEAN, std=STD)
    run = BuiltModel(net, whole, CLASSES) if pictures == "npy" else black_box(
        predict, preprocessing=SIZE, classes=CLASSES, dtype="uint8", library="torch"
    )  # fmt: skip
    direct = cases(run, photos)
    expected, verdicts = measured(tmp_path / "a", **direct), results(tmp_path / "b", **direct)
    for answers in ("answers.csv", "answers.jsonl", "labels.csv"):
        stored = cases(f"predictions:{box / answers}", photos)
        found, said = measured(tmp_path / answers, **stored), results(tmp_path / f"{answers} again", **stored)
        for key in [column.key for column in expected.columns]:
            if answers == "labels.csv" and key == "confidence":
                continue
            assert np.allclose(values(found, key), values(expected, key), atol=1e-4, equal_nan=True), (answers, key)
        for item in asked(**stored):
            if answers == "labels.csv" and item.id == "sure":
                assert "not applicable" in said[item.id].message
            else:
                assert said[item.id].verdict == verdicts[item.id].verdict, (answers, item.id)


def test_maps_that_captum_made_elsewhere_are_worth_what_the_audit_itself_makes(
    net: torch.nn.Module, photos: list[Sample], assets: Path, tmp_path: Path
) -> None:
    box = tmp_path / "box"

    def both(model: Any, **options: Any) -> dict[str, AuditCase]:
        audit = Audit(model, photos, classes=CLASSES, labels=labels, object_kept=0, checks="off", **options)
        measure = background_dependence("gradcam")
        return {"original": audit.expect(measure < 0.6), "swapped": audit.expect(measure.under(SWAP) < 0.6)}

    labels = {str(one.label): int(str(one.label).partition("_")[0]) for one in photos}
    stored = both(f"predictions:{box / 'answers.csv'}?maps={box / 'maps'}", preprocessing=SIZE)
    (one,) = render_sets(stored.items(), root=tmp_path, seed=0, checks=True, limit=None)
    folder, rendering = RenderedFolder(box, header_of(one, "audit.py", "npy")), Rendering(one, tmp_path)
    folder.begin(one.at_most, rendering.size())
    folder.write(rendering.pictures(), lambda count: "")
    weights = assets / "models" / "squeezenet1_0-imagenet1k.safetensors"
    (tmp_path / "maps.py").write_text(CAPTUM)
    subprocess.run([sys.executable, "maps.py", weights, "box"], cwd=tmp_path, check=True, timeout=300)
    direct = both(BuiltModel(net, Preprocessing(resize=(224, 224), mean=MEAN, std=STD), CLASSES), scores="logits")
    found, expected = measured(tmp_path / "a", **stored), measured(tmp_path / "b", **direct)
    keys = [column.key for column in expected.columns]
    assert len(keys) == 2
    for key in keys:
        made = values(expected, key)
        assert np.isfinite(made).all() and np.ptp(made) > 0.1
        assert np.allclose(values(found, key), made, atol=1e-4), key
    verdicts, said = results(tmp_path / "c", **direct), results(tmp_path / "d", **stored)
    assert {key: one.verdict for key, one in said.items()} == {key: one.verdict for key, one in verdicts.items()}
