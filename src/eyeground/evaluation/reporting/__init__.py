"""From figures to sections, and from sections to one report that can be printed."""
