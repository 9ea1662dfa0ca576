"""What the benchmarks share: the models, the images, the clock, and a captum loop as a good engineer writes it."""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import captum
import captum.attr
import numpy as np
import torch
import torchvision
from captum._utils.gradient import compute_layer_gradients_and_eval
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.transforms import Normalize

from modelaudit.engine.images.batches import BatchBuilder
from modelaudit.engine.results.measured import PassCounts
from modelaudit.language.sample import Preprocessing, Sample
from modelaudit.language.spatial import SpatialLayer
from modelaudit.language.spec import Context
from modelaudit.models import PixelModel, open_model, spatial_layer

ASSETS = Path(os.environ.get("MODELAUDIT_ASSETS", Path(__file__).resolve().parents[1].parent / "shared" / "assets"))
SQUEEZENET = ASSETS / "models" / "squeezenet1_0-imagenet1k.safetensors"
MODELS = ("resnet50", "vit_b_16", "squeezenet1_0")
CLASSES = 1000
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
METHODS = ("saliency", "input_x_gradient", "gradcam")


# ----------------------------------------------------------------------------------------------------- what is compared


def built(name: str) -> nn.Module:
    """torchvision's classifier: SqueezeNet with its real weights where they are, else random ones that answer."""
    if name == "squeezenet1_0" and SQUEEZENET.is_file():
        module = open_model(f"torchvision:squeezenet1_0?checkpoint={SQUEEZENET}", root=Path()).module
        return module.eval()
    torch.manual_seed(0)
    module = torchvision.models.get_model(name, weights=None, num_classes=CLASSES)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = None
        if isinstance(part, nn.Linear) and not bool(part.weight.any()):
            nn.init.normal_(part.weight, std=0.02)  # torchvision starts the heads of transformers at zero
    with torch.no_grad():  # batch norms get the statistics of some images, as training would leave them
        module.train()(torch.randn(8, 3, 224, 224))
    return module.eval()


def drawn(count: int, side: int) -> list[Sample]:
    """Images of coloured clouds with an object in them, in memory and in their final size."""
    return [_sample(number, side) for number in range(count)]


def _sample(number: int, side: int) -> Sample:
    draw = torch.Generator().manual_seed(number)
    clouds = torch.rand(1, 3, 8, 8, generator=draw)
    pixels = interpolate(clouds, (side, side), mode="bicubic", align_corners=False)[0]
    pixels = pixels + 0.1 * torch.randn(3, side, side, generator=draw)
    mask = np.zeros((side, side), dtype=np.uint8)
    top, left = (int(torch.randint(side // 8, side // 3, (1,), generator=draw)) for _ in range(2))
    mask[top : top + side // 3, left : left + side // 2] = 1
    image = (pixels.clamp(0, 1) * 255).byte().permute(1, 2, 0).contiguous().numpy()
    return Sample(id=f"{number:05d}", image=image, label=number % CLASSES, mask=mask)


@dataclass(frozen=True)
class ContextOutput:
    """The images [n, 3, H, W] and masks [n, H, W] of one context, as the engine shows them to the model."""

    context: Context
    pixels: Tensor
    mask: Tensor


def rendered(samples: Sequence[Sample], contexts: Sequence[Context], side: int, device: str) -> list[ContextOutput]:
    """Every sample under every context, so that both sides explain the very same pixels."""
    preprocessing = Preprocessing(side, side, MEAN, STD)
    with BatchBuilder(samples, seed=0, device=device, passes=PassCounts()) as stage:
        chunk = stage.chunk(samples, 0)
        shown = [stage.show(chunk, context, preprocessing) for context in contexts]
    return [ContextOutput(context, one.pixels, one.mask) for context, one in zip(contexts, shown, strict=True)]


# ----------------------------------------------------------------------------------------------------- the captum loop


@dataclass
class CaptumLoop:
    """Predictions, Saliency, InputXGradient and Grad-CAM with captum, batch by batch, and the background's share of
    densities by each. Tokens, which LayerGradCam mistakes for maps, go through the function that LayerGradCam calls.
    """

    module: nn.Module
    batch: int
    size: tuple[int, int]
    layer: SpatialLayer = field(init=False)
    plain: nn.Module = field(init=False)

    def __post_init__(self) -> None:
        self.plain = nn.Sequential(Normalize(MEAN, STD), self.module).eval()
        pixel_model = PixelModel(self.module, Preprocessing(*self.size, MEAN, STD))
        self.layer = spatial_layer(pixel_model, self.size)
        part = dict(self.module.named_modules())[self.layer.name]
        self._layer = part
        self._saliency = captum.attr.Saliency(self.plain)
        self._product = captum.attr.InputXGradient(self.plain)
        self._cam = captum.attr.LayerGradCam(self.plain, part)

    def __call__(self, pixels: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """[n] per-image values: the prediction, and background dependence by method."""
        parts = [
            self._one(pixels[first : first + self.batch], mask[first : first + self.batch])
            for first in range(0, len(pixels), self.batch)
        ]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def _one(self, pixels: Tensor, mask: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            target = self.plain(pixels).argmax(1)
        leaf = pixels.clone().requires_grad_()
        maps = {
            "saliency": self._saliency.attribute(leaf, target).sum(1),
            "input_x_gradient": self._product.attribute(leaf, target).sum(1),
            "gradcam": self._gradcam(leaf, target),
        }
        found = {name: dependence(one.detach(), mask).cpu() for name, one in maps.items()}
        return {"prediction": target.cpu(), **found}

    def _gradcam(self, leaf: Tensor, target: Tensor) -> Tensor:
        if self.layer.layout == "NCHW" and self.layer.side == "output":
            coarse = self._cam.attribute(leaf, target, relu_attributions=True)
        else:
            gradients, values = compute_layer_gradients_and_eval(
                self.plain, self._layer, leaf, target, attribute_to_layer_input=self.layer.side == "input"
            )
            slopes, grid = self.layer.grid(gradients[0]), self.layer.grid(values[0])
            coarse = (slopes.mean((2, 3), keepdim=True) * grid).sum(1, keepdim=True).relu()
        return interpolate(coarse, self.size, mode="bilinear", align_corners=False)[:, 0]


def dependence(maps: Tensor, mask: Tensor) -> Tensor:
    """[B] d_b / (d_b + d_o), the densities of positive attribution on background and object."""
    positive = maps.clamp_min(0).double()
    inside = (mask == 1).double()
    on_object = (positive * inside).sum((1, 2)) / inside.sum((1, 2))
    on_background = (positive * (1 - inside)).sum((1, 2)) / (1 - inside).sum((1, 2))
    return on_background / (on_background + on_object)


def bare_pass(model: nn.Module, pixels: Tensor) -> None:
    """One forward and one backward pass down to the pixels, and nothing else."""
    leaf = pixels.detach().requires_grad_()
    with torch.enable_grad():
        torch.autograd.grad(model(leaf).amax(1).sum(), leaf)


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """No parameter wants a gradient inside, as the engine borrows a module."""
    before = [(parameter, parameter.requires_grad) for parameter in module.parameters()]
    module.requires_grad_(False)
    yield
    for parameter, wanted in before:
        parameter.requires_grad_(wanted)


# ------------------------------------------------------------------------------------------------------------ the clock


@dataclass
class Clock:
    """Seconds by name, round by round."""

    device: str
    read: Callable[[], float] = time.perf_counter
    rounds: dict[str, list[float]] = field(default_factory=dict)

    def now(self) -> float:
        """The time when all that was asked of the device is done."""
        if self.device.startswith("cuda"):
            torch.cuda.synchronize()
        return self.read()

    @contextmanager
    def timed(self, name: str, images: int = 1) -> Iterator[None]:
        """Note the time that a block takes, an image."""
        start = self.now()
        yield
        self.note(name, (self.now() - start) / images)

    def note(self, name: str, seconds: float) -> None:
        """Note one round."""
        self.rounds.setdefault(name, []).append(seconds)

    def median(self, name: str) -> float:
        """The median round."""
        return statistics.median(self.rounds[name])

    def ratio(self, slow: str, fast: str) -> float:
        """The median of the rounds' own ratios: what disturbs a round disturbs both of its sides."""
        return statistics.median(a / b for a, b in zip(self.rounds[slow], self.rounds[fast], strict=True))


class Laps:
    """A progress that notes when each chunk was done; beginning and end of a run fall outside."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.laps: list[tuple[float, int]] = []

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Callable[[int], None]]:
        """As the engine asks for it."""
        self.laps = []
        yield lambda count: self.laps.append((self._clock.now(), count))

    @property
    def seconds_an_image(self) -> float:
        """From the end of the first chunk to the end of the last one."""
        images = sum(count for _, count in self.laps[1:])
        return (self.laps[-1][0] - self.laps[0][0]) / images


# ---------------------------------------------------------------------------------------------------- the command line


@dataclass(frozen=True)
class Options:
    """What the command line said."""

    models: tuple[str, ...]
    device: str
    batch: int
    images: int
    rounds: int
    threads: int
    side: int
    read: Callable[[], float]

    def clock(self) -> Clock:
        """A clock of the chosen kind."""
        return Clock(self.device, self.read)


def options(description: str | None, *, quick: tuple[int, int, int], full: tuple[int, int, int]) -> Options:
    """Parse the command line; `quick` and `full` are (micro-batch, images, rounds) on a CPU."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer images and rounds")
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int, help="the micro-batch, on all sides")
    parser.add_argument("--images", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="cpu: processor time of this process, where others use the machine too; take --threads 1 with it",
    )
    given = parser.parse_args()
    batch, images, rounds = quick if given.quick else full
    if given.device.startswith("cuda"):
        batch, images = batch * 4, images * 16
    torch.set_num_threads(given.threads)
    return Options(
        tuple(given.models),
        given.device,
        given.batch or batch,
        given.images or images,
        given.rounds or rounds,
        given.threads,
        given.side,
        time.process_time if given.clock == "cpu" else time.perf_counter,
    )


def machine(given: Options) -> str:
    """One line: processor, threads, versions, and how busy the machine is."""
    name = torch.cuda.get_device_name() if given.device.startswith("cuda") else _processor()
    versions = f"torch {torch.__version__}, torchvision {torchvision.__version__}, captum {captum.__version__}"
    clock = "processor time" if given.read is time.process_time else "wall time"
    return (
        f"{name}, {given.threads} threads, {versions}, {platform.python_implementation()} "
        f"{platform.python_version()}; {clock}, load {os.getloadavg()[0]:.1f}; images {given.side} x {given.side}, "
        f"micro-batch {given.batch}, {given.rounds} rounds"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.processor()


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def apart(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> dict[str, float]:
    """The largest difference of each value."""
    return {name: float((ours[name] - theirs[name]).abs().max()) for name in theirs}
