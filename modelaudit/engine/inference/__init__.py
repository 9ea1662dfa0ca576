"""From pixels to values: micro-batches, precision, attribution, measures."""
