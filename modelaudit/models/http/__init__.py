"""Models behind an address: ``remote:box.yaml``, asked over HTTP, every answer kept on a cassette."""

from .remote_source import remote, remote_model

__all__ = ["remote", "remote_model"]
