"""Models known by their stored answers: what was asked (the manifest), what was answered, and who reads both."""
