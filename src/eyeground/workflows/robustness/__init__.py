"""What corrupted photographs do to a model's answers."""
