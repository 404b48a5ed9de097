"""The probe: a classifier of one's own on a bundle's frozen embedding, fitted, validated and written without torch.

`embedding` runs the network over the photographs once, `regression` fits the head, `cross_validation` predicts every
photograph by a head that has not seen its patient, and `graph` and `bundle` put the head in the place of the old one.
"""
