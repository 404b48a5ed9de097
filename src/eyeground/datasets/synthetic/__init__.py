"""Synthetic fundus photographs with exactly known ground truth, for tests, demonstrations and documentation.

They look like fundi and hold something to learn, but no result on them says anything about patients.
"""

from eyeground.datasets.synthetic.camera import DEVICES, CameraFaults, Device
from eyeground.datasets.synthetic.dataset import render_dataset
from eyeground.datasets.synthetic.presets import DISEASES
from eyeground.datasets.synthetic.rendering import FundusSpec, SyntheticFundus, render, render_spec

__all__ = [
    "DEVICES",
    "DISEASES",
    "CameraFaults",
    "Device",
    "FundusSpec",
    "SyntheticFundus",
    "render",
    "render_dataset",
    "render_spec",
]
