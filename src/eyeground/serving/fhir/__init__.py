"""Findings as FHIR resources, R4 for the systems that hospitals run and R5: `resources` makes them, `checks` holds them to the standard."""
