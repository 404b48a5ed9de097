"""A model's predictions of corrupted photographs."""
