"""Findings as DICOM objects of the photograph's own study, and the network services that take and send them.

`objects` makes all objects of one photograph; `export` writes them to a folder. See docs/dicom.md.
"""
