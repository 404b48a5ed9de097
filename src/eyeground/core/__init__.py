"""Files, tables, words, progress and the machine: what every room uses and none of fundus photographs knows."""
