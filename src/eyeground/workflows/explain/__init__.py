"""Evidence maps of a table of photographs: drawn, measured against outlines, gathered in a report."""
