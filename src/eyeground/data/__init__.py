"""Tables of photographs and of predictions: the manifest, its splits, how foreign columns become it."""
