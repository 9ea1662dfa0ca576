"""The languages of reports and commands; apart, since every pytest session reads it and needs nothing else."""

LANGUAGES = ("en", "ja")
