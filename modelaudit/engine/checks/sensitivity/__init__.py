"""What copies of a model with evidence from the background are made of, collected along with the measurement."""
