"""What a device is called by its maker."""

from __future__ import annotations

import platform


def device_name(device: str) -> str:
    """The name of a torch device; of the CPU what the system says of it."""
    import torch

    if device.startswith("cuda") and torch.cuda.is_available():
        return torch.cuda.get_device_name(device)
    return platform.processor() or platform.machine()
