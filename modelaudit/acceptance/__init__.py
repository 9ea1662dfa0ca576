"""What two parties agree on before the numbers are known, and how each checks the result without trusting the other."""
