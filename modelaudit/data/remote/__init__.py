"""Data on URLs that fsspec opens: what a source needs is copied below the rootdir first."""

from .opening import read
from .urls import is_url

__all__ = ["is_url", "read"]
