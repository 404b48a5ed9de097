"""The probe: your own classifier on a bundle's frozen embedding, fitted, validated and written without torch.

`embedding` runs the network once, `regression` fits the head, `cross_validation` predicts photographs out of their fold, and
`graph` and `bundle` put the head in the place of the old one.
"""
