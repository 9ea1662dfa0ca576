"""Standards and guidelines as data, and which records of an audit give evidence for which of their items."""
