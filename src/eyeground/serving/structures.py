"""Structures of screened photographs, drawn as layers for the finding page: disc, vessels, lesions, by the segmenters of this install.

They are drawn from the picture that the page shows, while nothing waits to be screened. What a kill interrupts is drawn again.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sqlalchemy import select, update

from eyeground.bundle.description import read_description
from eyeground.bundle.installed import DESCRIPTION, models
from eyeground.screening.segmenter import Segmenter, load_segmenter
from eyeground.screening.structure_set import preferred
from eyeground.serving import queue
from eyeground.serving.layers import LAYERS, as_text, layer_of
from eyeground.serving.logs import log, log_error
from eyeground.serving.pictures import save_layer
from eyeground.serving.store.database import Store
from eyeground.serving.store.folder import PHOTO, DataFolder
from eyeground.serving.store.tables import DONE, Photo

LEFT_OUT = frozenset({"artery", "vein"})  # they would cover the vessels
_LOOK_EVERY = 1.0  # seconds
_NICENESS = 15
_OPACITY = 170  # of 255
# After Okabe and Ito (2008), as the others.
_LESION_COLOURS = {
    "hard_exudate": (230, 159, 0),
    "haemorrhage": (213, 94, 0),
    "microaneurysm": (255, 120, 200),
    "soft_exudate": (86, 180, 233),
}

Chosen = tuple[Segmenter, tuple[str, ...]]
"""A segmenter, and which of its structures are drawn."""


class Drawing(threading.Thread):
    """Draws in the background of a worker, from `start` until the process ends.

    Attributes:
        last_drawn: When it drew last, by the monotonic clock; 0 if never, so that it holds no network in memory.
    """

    def __init__(self, store: Store, folder: DataFolder) -> None:
        super().__init__(name="drawing", daemon=True)
        self._store, self._folder = store, folder
        self._chosen: list[Chosen] = []
        self.last_drawn = 0.0

    def run(self) -> None:
        """See `threading.Thread`; a failure ends the drawing and not the worker."""
        if sys.platform.startswith("linux"):
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        try:
            while True:
                if not self.draw_one():
                    time.sleep(_LOOK_EVERY)
        except Exception:
            log_error("drawing structures ended")

    def draw_one(self) -> bool:
        """Draw the layers of one photograph; False if there is none to draw."""
        photo_id = next_to_draw(self._store)
        if photo_id is None:
            return False
        self._chosen = self._chosen or list(needed_segmenters())
        note_drawn(self._store, photo_id, self._draw(photo_id, self._chosen))
        self.last_drawn = time.monotonic()
        return True

    def _draw(self, photo_id: str, chosen: list[Chosen]) -> dict[str, str]:
        started = time.monotonic()
        try:
            structures = draw_layers(self._folder, photo_id, chosen)
        except Exception:  # of this picture alone; it gets no layers
            log_error("structures not drawn", photo=photo_id)
            return {}
        log("structures drawn", photo=photo_id, seconds=round(time.monotonic() - started, 3))
        return structures


def next_to_draw(store: Store) -> str | None:
    """The photograph that was screened last and has no layers yet; None while any waits to be screened."""
    asked = select(Photo.id).where(Photo.structures.is_(None), Photo.state == DONE)
    with store.read() as session:
        if queue.waiting(session):
            return None
        return session.scalar(asked.order_by(Photo.created.desc()).limit(1))


def note_drawn(store: Store, photo_id: str, structures: Mapping[str, str]) -> None:
    """Remember which structures the layers of a photograph show, in which colours."""
    with store.write() as session:
        session.execute(update(Photo).where(Photo.id == photo_id).values(structures=as_text(structures)))


def draw_layers(folder: DataFolder, photo_id: str, chosen: Sequence[Chosen]) -> dict[str, str]:
    """Draw the layers of a photograph; returns the colours of the structures that were found."""
    try:
        with Image.open(folder.pictures(photo_id) / PHOTO) as file:
            picture = np.asarray(file.convert("RGB"))
    except FileNotFoundError:  # unreadable, or deleted meanwhile
        return {}
    masks: dict[str, NDArray[np.bool_]] = {}
    for segmenter, structures in chosen:
        segmented = segmenter(picture)
        masks |= {name: segmented.mask(name) for name in structures}
    found = {name: mask for name, mask in masks.items() if mask.any()}
    for layer in LAYERS:
        shown = {name: mask for name, mask in found.items() if layer_of(name) == layer}
        if shown and (folder.pictures(photo_id) / PHOTO).is_file():
            save_layer(folder, photo_id, layer, _coloured(shown))
    return {name: "#{:02x}{:02x}{:02x}".format(*_colour_of(name)) for name in found}


def needed_segmenters() -> Iterator[Chosen]:
    """Of the installed and pulled ones those that are needed."""
    described = {name: read_description(place / DESCRIPTION) for name, place in models().items()}
    chosen = preferred({name: one for name, one in described.items() if one.decoder is not None})
    for name, structures in chosen.items():
        if wanted := tuple(one for one in structures if one not in LEFT_OUT):
            yield load_segmenter(name, threads=1), wanted


def _coloured(masks: Mapping[str, NDArray[np.bool_]]) -> NDArray[np.uint8]:
    """Structures in their colours, RGBA: disc and cup as outlines, the others filled."""
    some = next(iter(masks.values()))
    layer = np.zeros((*some.shape, 4), np.uint8)
    for name, mask in masks.items():
        colour = _colour_of(name)
        if name in ("optic_disc", "optic_cup"):
            outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(layer, outlines, -1, (*colour, 255), 3)
        else:
            layer[mask] = (*colour, _OPACITY)
    return layer


def _colour_of(structure: str) -> tuple[int, int, int]:
    """As `eyeground segment` has it; lesions are told apart from each other, too."""
    from eyeground.workflows.segment.pictures import colour_of

    return _LESION_COLOURS.get(structure) or colour_of(structure)
