"""Tables of photographs and of predictions: the manifest, its splits, and tables of other columns."""
