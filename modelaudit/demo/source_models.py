"""The model source ``demo:``, the two networks that the package ships.

The fingerprint of a model covers the names of this module and of that of the network: moving them makes another model.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors.torch import load

from ..language.errors import ModelError, nearest
from ..language.reference import Reference
from ..language.registry import Entry, register
from ..language.sample import BuiltModel, Preprocessing
from .net import InspectionNet
from .training import MANIFEST, SHIPPED

WEIGHTS = Path(__file__).with_name("weights")
_WAY_OUT = "install modelaudit again, or write them anew with 'modelaudit demo train'"


def demo_model(reference: Reference, root: Path) -> BuiltModel:
    """``demo:sound``, trained where part and surroundings are independent, or ``demo:shortcut``, where they are not.

    Raises:
        ModelError: another name, any option, or weights that are missing or not those of the manifest.
    """
    if reference.body not in SHIPPED:
        raise ModelError(f"{reference.text!r}: no model of that name in the demo{nearest(reference.body, SHIPPED)}")
    reference.only((), ModelError)
    return shipped(reference.body)


def shipped(name: str, directory: Path = WEIGHTS) -> BuiltModel:
    """A network of the manifest in `directory`, in eval mode.

    Raises:
        ModelError: weights that are missing, or not those that the manifest describes.
    """
    try:
        manifest: dict[str, Any] = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        described = manifest["models"][name]
        stored = (directory / described["file"]).read_bytes()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"the demo's weights in {directory} cannot be read ({error!r}); {_WAY_OUT}") from error
    if hashlib.sha256(stored).hexdigest() != described["sha256"]:
        raise ModelError(f"{directory / described['file']} is not the file that {MANIFEST} describes; {_WAY_OUT}")
    network = InspectionNet()
    # the counters of batch normalisation are not weights and are not stored
    network.load_state_dict({**network.state_dict(), **load(stored)})
    preprocessing = Preprocessing(
        resize=(manifest["side"], manifest["side"]), mean=tuple(manifest["mean"]), std=tuple(manifest["std"])
    )
    coupling = described["training"]["coupling"]
    note = f"shipped with the package; trained on the demo's line with coupling {coupling:g}"
    return BuiltModel(network.eval(), preprocessing, tuple(manifest["classes"]), (note,))


register(Entry("model", "demo", None, demo_model))
