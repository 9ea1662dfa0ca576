"""What was measured, as plain data: the ground floor of the engine."""
