"""What all parts of a run record have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A part of a record: it holds what it declares and nothing else, and nobody changes it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
