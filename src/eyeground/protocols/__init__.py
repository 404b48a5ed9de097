"""Whole studies: what `pretrain`, `adapt` and `demo` do from a manifest to a bundle with honest figures."""
