"""Screening without torch: a verified bundle in ONNX Runtime gives findings of new photographs, with evidence maps.

`runtime` turns photographs into findings, `batch` any number of them into tables, evidence pictures and a report.
"""
