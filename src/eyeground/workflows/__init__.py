"""What each command does, from its input files to its output files."""
