"""From a photograph's file to the standard photo that every model takes, and its quality.

`decode` (with `dicom`) opens untrusted files, `field_of_view` finds the lit disc, `standard` crops and scales it, `gradability`
judges it, `cache` keeps standard photos on disk, and `duplicates` finds the same picture twice.
"""
