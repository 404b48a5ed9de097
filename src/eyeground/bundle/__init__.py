"""A model as a folder: what it says of itself, its files, how it is checked, kept and fetched."""
