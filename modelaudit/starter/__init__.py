"""A first audit of data and a model that nobody has written an audit for yet: what is expected of them by default."""
