"""A comparison of initialisations by task, label fraction, seed and fold; every cell is computed once."""
