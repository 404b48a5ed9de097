"""Where a network looks, and whether that can be believed: evidence maps, gradient maps, faithfulness.

`maps` draws one map by any method at the standard photo's resolution, `faithfulness` holds maps against outlined
lesions, `perturbation` against the network's own answer, `randomisation` against a network that has learnt nothing.
"""
