"""Evidence maps of photographs: drawn, measured against masks, and reported."""
