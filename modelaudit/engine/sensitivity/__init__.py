"""What a limit on heat maps would catch: copies of a model to which evidence from the background was added."""
