"""Evidence maps and gradient maps of a network, and tests of whether they are faithful.

`maps` makes one map by any method; `faithfulness` compares maps with outlined lesions, `perturbation` with the network's own
probabilities, `randomisation` with a network whose parameters were shuffled.
"""
