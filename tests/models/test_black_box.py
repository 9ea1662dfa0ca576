from __future__ import annotations

import copy
import functools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from modelaudit.attribution import AttributionInput, check, input_x_gradient, occlusion
from modelaudit.language import registry
from modelaudit.language.errors import AttributionError, ModelError
from modelaudit.language.sample import Preprocessing
from modelaudit.models import black_box, frozen_on, open_model

SMALL = Preprocessing(resize=12, crop=12)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.conv, self.head = nn.Conv2d(3, 6, 3, stride=2), nn.Linear(6, 3)
        for parameter in self.parameters():
            parameter.requires_grad_(False).copy_(torch.rand(parameter.shape, generator=generator) - 0.5)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv(x).relu().mean((2, 3)))


NET = Net()


def numpy_scores(images: np.ndarray) -> np.ndarray:
    return NET(torch.from_numpy(images)).numpy()


def pixels(count: int = 4) -> Tensor:
    return torch.rand(count, 3, 12, 12, generator=torch.Generator().manual_seed(1))


def test_a_function_is_a_model_whose_maps_are_those_of_the_network_behind_it() -> None:
    boxed = open_model(black_box(numpy_scores, preprocessing=SMALL, classes=["a", "b", "c"]), root=Path())
    plain = open_model(NET, root=Path(), preprocessing=SMALL)
    assert boxed.outputs == 3 and boxed.classes == ("a", "b", "c") and boxed.parameters == 0
    assert plain.differentiable and not boxed.differentiable
    assert boxed.probe_digest == plain.probe_digest and boxed.fingerprint != plain.fingerprint
    assert any("no" in note and "gradients" in note for note in boxed.notes)
    maps = []
    for loaded in (boxed, plain):
        with frozen_on(loaded, "cpu") as model, torch.no_grad():
            selector = torch.eye(3)[[0, 1, 2, 0]]
            asked = AttributionInput(model, pixels(), selector, (model(pixels()) * selector).sum(1), rows=4)
            method = occlusion(window=0.25, stride=0.25)
            found = registry.entry_of(method).function(method, asked)
            assert not any(bool(flags.any()) for flags in check(found, asked.pixels, asked.explained).values())
            maps.append(found.values)
    assert torch.equal(*maps)


def test_a_method_that_needs_gradients_is_refused_without_them() -> None:
    loaded = open_model(black_box(lambda images: NET(images), preprocessing=SMALL, library="torch"), root=Path())
    with frozen_on(loaded, "cpu") as model:
        asked = AttributionInput(model, pixels(), torch.eye(3)[[0, 1, 2, 0]], torch.zeros(4))
        with pytest.raises(AttributionError, match="no gradient leads"):
            registry.entry_of(input_x_gradient()).function(input_x_gradient(), asked)


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_the_function_gets_images_as_it_was_said(library: str, dtype: str, layout: str) -> None:
    seen: list[object] = []

    def function(images: object) -> np.ndarray:
        seen.append(images)
        return np.zeros((len(images), 2))  # type: ignore[arg-type]

    built = black_box(function, preprocessing=SMALL, library=library, dtype=dtype, layout=layout)  # type: ignore[arg-type]
    given = pixels()
    assert built.module(given).shape == (4, 2)
    (images,) = seen
    assert isinstance(images, np.ndarray if library == "numpy" else Tensor)
    assert str(images.dtype).removeprefix("torch.") == dtype
    expected = given if layout == "NCHW" else given.permute(0, 2, 3, 1)
    expected = (expected * 255).round().to(torch.uint8) if dtype == "uint8" else expected
    assert torch.equal(torch.as_tensor(images), expected)


def test_normalisation_is_applied_before_the_function() -> None:
    seen: list[np.ndarray] = []

    def function(images: np.ndarray) -> np.ndarray:
        seen.append(images)
        return numpy_scores(images)

    built = black_box(function, preprocessing=Preprocessing(12, 12, (0.5, 0.4, 0.3), (0.2, 0.2, 0.1)))
    with frozen_on(open_model(built, root=Path()), "cpu") as model:
        model(pixels())
    wanted = (pixels() - torch.tensor([0.5, 0.4, 0.3]).view(3, 1, 1)) / torch.tensor([0.2, 0.2, 0.1]).view(3, 1, 1)
    torch.testing.assert_close(torch.from_numpy(seen[-1]), wanted)


def test_a_function_that_takes_a_fixed_number_gets_it_and_the_filling_is_dropped() -> None:
    sizes: list[int] = []

    def function(images: np.ndarray) -> np.ndarray:
        sizes.append(len(images))
        return numpy_scores(images)

    built = black_box(function, preprocessing=SMALL, batch=3)
    found = built.module(pixels(7))
    assert sizes == [3, 3, 3] and found.shape == (7, 3)
    torch.testing.assert_close(found, NET(pixels(7)))


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16, np.int64])
def test_scores_are_float32_or_as_exact_as_they_come(kind: type) -> None:
    built = black_box(lambda images: np.ones((len(images), 2), dtype=kind), preprocessing=SMALL)
    assert built.module(pixels()).dtype == (torch.float64 if kind is np.float64 else torch.float32)
    listed = black_box(lambda images: [[1.0, 2.0]] * len(images), preprocessing=SMALL)
    assert listed.module(pixels())[3].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda images: np.zeros((len(images), 2, 2)), r"4 images gave scores of shape \[4, 2, 2\]"),
        (lambda images: np.zeros((1, 2)), r"4 images gave scores of shape \[1, 2\]"),
        (lambda images: np.zeros((len(images), 2), dtype=complex), "complex"),
        (lambda images: "cat", "must return scores, got str"),
        (lambda images: None, "must return scores, got NoneType"),
        (lambda images: [[1.0, 2.0], [1.0]], "must return scores, got list"),
    ],
)
def test_what_is_no_scores_is_an_error(function: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        black_box(function, preprocessing=SMALL).module(pixels())  # type: ignore[arg-type]


def test_the_number_of_outputs_is_held_to_what_was_said() -> None:
    assert black_box(numpy_scores, preprocessing=SMALL, outputs=3).module(pixels()).shape == (4, 3)
    with pytest.raises(ModelError, match=r"numpy_scores: 4 images gave .* \[4, 3\] .*; return numbers \[images, 5\]"):
        black_box(numpy_scores, preprocessing=SMALL, outputs=5).module(pixels())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layout": "NHCW"}, "did you mean 'N"),
        ({"dtype": "float16"}, "did you mean 'float32'"),
        ({"library": "jax"}, "known: numpy, torch"),
        ({"outputs": 0}, "at least 1"),
        ({"outputs": True}, "at least 1"),
        ({"batch": 0}, "at least 1"),
        ({"batch": 1.5}, "must be an integer"),
        ({"dtype": "uint8", "preprocessing": Preprocessing(12, 12, mean=(0.5, 0.5, 0.5))}, "uint8 images are pixel"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        black_box(numpy_scores, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("function", [NET, 3, "net"])
def test_what_is_no_function_is_refused(function: object) -> None:
    with pytest.raises(ModelError, match="needs a function from images to scores"):
        black_box(function)  # type: ignore[arg-type]


def test_uint8_refuses_normalisation_that_the_audit_brings_later() -> None:
    built = black_box(numpy_scores, dtype="uint8")
    with pytest.raises(ModelError, match=r"takes uint8 images, but preprocessing leaves values from -"):
        open_model(built, root=Path(), preprocessing=Preprocessing(12, 12, mean=(0.5, 0.5, 0.5)))


def test_without_preprocessing_it_is_refused_as_any_model() -> None:
    with pytest.raises(ModelError, match="nothing says how its input is prepared"):
        open_model(black_box(numpy_scores), root=Path())


class Predictor:
    """A callable that cannot be copied, as a connection cannot."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def __call__(self, images: np.ndarray) -> np.ndarray:
        return numpy_scores(images) * self.scale

    def __deepcopy__(self, memo: object) -> Predictor:
        raise TypeError("a connection")


def test_the_fingerprint_knows_name_code_and_version_and_the_probe_what_it_answers() -> None:
    def opened(function: object, **options: object) -> tuple[str, str]:
        loaded = open_model(black_box(function, preprocessing=SMALL, **options), root=Path())  # type: ignore[arg-type]
        return loaded.fingerprint, loaded.probe_digest

    first = opened(numpy_scores)
    assert opened(numpy_scores) == first
    assert opened(numpy_scores, version="2")[0] != first[0]
    assert opened(lambda images: numpy_scores(images))[0] != first[0]
    plus = opened(lambda images: numpy_scores(images) + 0)
    minus = opened(lambda images: numpy_scores(images) - 0)
    assert plus[0] != minus[0] and plus[1] == minus[1]
    near, far = opened(Predictor(1.0)), opened(Predictor(2.0))
    assert near[0] != far[0] and near[1] != far[1]
    one, two = (opened(functools.partial(Predictor.__call__, Predictor(scale))) for scale in (1.0, 2.0))
    assert one[0] != two[0]
    assert open_model(black_box(Predictor(1.0), preprocessing=SMALL), root=Path()).module._name().endswith(".Predictor")  # type: ignore[operator]


def test_a_copy_shares_its_session() -> None:
    module = black_box(Predictor(1.0), preprocessing=SMALL).module
    assert torch.equal(copy.deepcopy(module)(pixels()), module(pixels()))


def test_nothing_of_a_torch_function_keeps_a_graph() -> None:
    live = Net().requires_grad_(True)
    built = black_box(lambda images: live(images), preprocessing=SMALL, library="torch")
    given = pixels().requires_grad_()
    with torch.enable_grad():
        assert not built.module(given).requires_grad
    with torch.inference_mode():
        assert not built.module(pixels()).is_inference()
