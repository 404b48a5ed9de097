"""From a folder of large photographs to findings with evidence maps, against the script that a user would write.

The script decodes with Pillow and runs a timm network in eager torch photo by photo, with Grad-CAM; and the same with a
ViT-L/16, the architecture of RETFound, without a heat map. Peers are timed on few photographs and scaled.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import timm
import torch
from PIL import Image
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import BinaryClassifierOutputTarget
from torchvision import transforms

from eyeground.datasets.synthetic import DISEASES, render

WIDTH, HEIGHT = 4288, 2848
RENDERED = 32  # the others are links to these, since rendering takes long
FEW, MANY = 512, 5120
PEER_PHOTOS, TRANSFORMER_PHOTOS = 24, 8
MODEL, SIDE, BACKBONE = "eyeground-mobilenetv2-imagenet+fundus-224", 224, "mobilenetv2_100"


def measure() -> list[tuple[str, str, str, float]]:
    """Rows: what, ours, peer, ratio; the last is of memory, with ten times as many photographs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos = _photographs(folder / "photos", FEW)
        script = _Script(BACKBONE, SIDE, heat_map=True)
        transformer = _Script("vit_large_patch16_224", 224, heat_map=False)
        slow = script.seconds_per_photo(photos[:PEER_PHOTOS])
        slowest = transformer.seconds_per_photo(photos[:TRANSFORMER_PHOTOS])
        seconds, peak = _screened(folder / "photos", folder / "screened")
        slow = (slow + script.seconds_per_photo(photos[:PEER_PHOTOS])) / 2
        rows = [
            _row(f"the same network and side, Grad-CAM, {PEER_PHOTOS} timed", FEW / seconds, 1 / slow),
            _row(f"ViT-L/16 at 224 px, no map, {TRANSFORMER_PHOTOS} timed", FEW / seconds, 1 / slowest),
        ]
        _photographs(folder / "photos", MANY)
        _, more = _screened(folder / "photos", folder / "screened more")
        what = f"peak memory of all processes of `screen`, {FEW} photos against {MANY:,}"
        return [*rows, (what, f"{peak / 1e6:.0f} MB", f"{more / 1e6:.0f} MB with {MANY:,}", more / peak)]


def _row(peer: str, ours: float, theirs: float) -> tuple[str, str, str, float]:
    what = f"{FEW} JPEGs of {WIDTH} x {HEIGHT} to findings with evidence maps and report, {MODEL}"
    return what, f"{ours:.1f} photos/s", f"{theirs:.2f} photos/s, {peer}", ours / theirs


def _photographs(folder: Path, count: int) -> list[Path]:
    folder.mkdir(exist_ok=True)
    diseases = sorted(DISEASES)
    paths = [folder / f"{index:05d}.jpg" for index in range(count)]
    for index, path in enumerate(paths):
        if path.exists():
            continue
        if index < RENDERED:
            disease = diseases[index % len(diseases)]
            Image.fromarray(render(disease, height=HEIGHT, width=WIDTH, seed=index).pixels).save(path, quality=92)
        else:
            os.link(paths[index % RENDERED], path)
    return paths


class _Script:
    """The script of a user."""

    def __init__(self, backbone: str, side: int, heat_map: bool) -> None:
        self.network = timm.create_model(backbone, num_classes=1).eval()
        self.prepare = transforms.Compose(
            [
                transforms.Resize((side, side)),
                transforms.ToTensor(),
                transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
            ]
        )
        self.heat_map = GradCAM(self.network, [self.network.conv_head]) if heat_map else None

    def seconds_per_photo(self, paths: list[Path]) -> float:
        started = time.perf_counter()
        for path in paths:
            photo = self.prepare(Image.open(path).convert("RGB"))[None]
            with torch.no_grad():
                torch.sigmoid(self.network(photo))
            if self.heat_map is not None:
                self.heat_map(photo, targets=[BinaryClassifierOutputTarget(1)])
        return (time.perf_counter() - started) / len(paths)


def _screened(photos: Path, output: Path) -> tuple[float, int]:
    """Seconds that the command takes, and the most memory (bytes) of all its processes together."""
    command = [sys.executable, "-m", "eyeground", "screen", str(photos), "--bundle", MODEL, "-o", str(output)]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ))
    peak = 0

    def watch() -> None:
        nonlocal peak
        root = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                family = [root, *root.children(recursive=True)]
                peak = max(peak, sum(_memory(one) for one in family))
            except psutil.NoSuchProcess:
                pass
            time.sleep(0.2)

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    seconds = time.perf_counter() - started
    watcher.join()
    if code != 0:
        raise RuntimeError(f"screening ended with {code}")
    return seconds, peak


def _memory(process: psutil.Process) -> int:
    """Its own memory and its part of shared memory; a library that two processes map counts once."""
    return int(process.memory_full_info().pss)
