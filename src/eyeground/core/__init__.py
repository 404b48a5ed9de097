"""Files, tables, words, progress and the machine: what every room uses; nothing here knows of fundus photographs."""
