"""From a photograph's file to the standard photo that every model sees, and what can be said of its quality.

`decode` (with `dicom`) opens files nobody vouches for, `field_of_view` finds the lit disc, `standard` crops and
scales it, `structure` takes light and shading away, `gradability` judges what is left, `cache` keeps standard
photos on disk, and `duplicates` finds the same eye twice.
"""
