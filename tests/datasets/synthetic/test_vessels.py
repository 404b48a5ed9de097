"""Invariants of the vessel tree."""

from itertools import pairwise

import numpy as np

from eyeground.datasets.synthetic.vessels import grow


def test_branches_start_on_a_parent_and_are_thinner_than_it() -> None:
    tree = grow(np.random.default_rng(0), (15.5, 1.4), 1.0, 1.0)
    for parents, children in pairwise(tree):
        gaps = np.linalg.norm(children.points[:, :1] - parents.points.reshape(1, -1, 2), axis=2)
        assert gaps.min(axis=1).max() < 1e-4
        assert children.widths.max() < parents.widths.max()


def test_vessels_taper() -> None:
    for branches in grow(np.random.default_rng(1), (15.5, 1.4), 1.0, 1.0):
        assert (np.diff(branches.widths, axis=1) <= 0).all()


def test_trunks_leave_the_disc_and_arch_around_the_macula() -> None:
    trunks = grow(np.random.default_rng(2), (15.5, 1.4), 1.0, 1.0)[0]
    assert np.linalg.norm(trunks.points[:, 0] - (15.5, 1.4), axis=1).max() < 1.5
    wide = trunks.widths[:, 0] > 0.25
    arcades = trunks.points[trunks.temporal & wide]
    assert len(arcades) == 4
    assert np.linalg.norm(arcades, axis=2).min() > 5
    assert (arcades[:, -1, 0] < -10).all()


def test_the_foveal_avascular_zone_is_nearly_free_of_vessels() -> None:
    for seed in range(5):
        tree = grow(np.random.default_rng(seed), (15.5, 1.4), 1.0, 1.0)
        points = np.concatenate([branches.points.reshape(-1, 2) for branches in tree])
        assert (np.hypot(*points.T) < 0.8).mean() < 0.002
