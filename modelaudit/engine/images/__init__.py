"""From samples to batches of pixels under a context: decoding ahead, donors, stored pictures, copies."""
