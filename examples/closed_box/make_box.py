"""Plays the vendor: puts a network into the box, the demo's sound one. The audit never sees this file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from modelaudit.demo.source_models import shipped

built = shipped("sound")
state = {name: value.numpy() for name, value in built.module.state_dict().items()}
weights = {"classes": np.array(built.classes), "score": state["score.weight"]}
weights |= {"mean": np.float32(built.preprocessing.mean), "std": np.float32(built.preprocessing.std)}
for number in range(4):
    convolution, norm = f"features.{3 * number}", f"features.{3 * number + 1}"
    scale = state[f"{norm}.weight"] / np.sqrt(state[f"{norm}.running_var"] + 1e-5)
    weights |= {
        f"block{number}.kernel": state[f"{convolution}.weight"],
        f"block{number}.scale": scale,
        f"block{number}.shift": state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale,
    }
file = Path(__file__).with_name("weights.npz")
np.savez(file, **weights)
print(file)
