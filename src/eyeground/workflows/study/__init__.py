"""A study as data: initialisations by task by label fraction by seed by fold, every cell computed once."""
