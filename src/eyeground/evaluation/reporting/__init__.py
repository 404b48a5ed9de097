"""The sections of a validation report, and the report itself."""
