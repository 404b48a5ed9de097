"""Synthetic fundus photographs with exactly known ground truth, for tests, demonstrations and documentation.

`render` paints one photograph with its masks and labels; `render_dataset` writes a folder of patients with a
manifest. They look like fundi to a person and hold something to learn for a network, but they are drawings: no
figure measured on them says anything about patients.
"""

from eyeground.synthetic.camera import DEVICES, CameraFaults, Device
from eyeground.synthetic.dataset import render_dataset
from eyeground.synthetic.presets import DISEASES
from eyeground.synthetic.rendering import FundusSpec, SyntheticFundus, render, render_spec

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
