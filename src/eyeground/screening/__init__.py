"""Screening: a verified bundle in ONNX Runtime says what it sees in new photographs, and shows where.

`runtime` turns photographs into findings, `batch` a whole folder into tables, evidence pictures and a report.
Nothing here needs torch: a screening install is small and starts fast. Nothing is imported until it is used.
"""
