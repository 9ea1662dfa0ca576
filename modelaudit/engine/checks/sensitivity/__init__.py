"""What copies of a model with evidence from the background are made of, collected beside the measurement."""
