"""The engine: what is measured once for all who ask, and how a case is decided from it."""
