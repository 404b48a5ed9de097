"""Past one machine's disk and cores: packed shards of standard photos, and screening on many machines."""
