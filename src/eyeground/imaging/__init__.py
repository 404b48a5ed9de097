"""From a photograph's file to the standard photo that every model sees, and what can be said of its quality.

`decode` opens files nobody vouches for, `field_of_view` finds the lit disc, `standard` crops and scales it,
`gradability` judges it, `cache` keeps standard photos on disk, and `duplicates` finds the same eye twice.
"""
