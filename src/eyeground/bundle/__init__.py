"""A model as a folder: its description, its files, how it is verified, written and fetched."""
