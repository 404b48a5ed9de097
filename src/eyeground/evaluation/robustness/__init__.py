"""What corruptions of photos do to a model's results."""
