"""How large a planted dependence a limit on heat maps would catch."""
