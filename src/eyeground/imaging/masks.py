"""Masks as people and programs write them: read by one rule, or refused with the values that they hold.

Where the rule does not decide, values are chosen: `map.png#1,3` in a cell, `--mask-value artery=1,3` for a column; `#share`
says that grey is a share of annotators. See docs/segmentation.md.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from eyeground.data.manifest import MASK_PREFIX, Manifest
from eyeground.errors import UserError, unknown
from eyeground.imaging.deep_pixels import is_white_zero
from eyeground.imaging.shapes import EMPTY, Boxes, Shape, shape_of

FORMATS = ("PNG", "TIFF", "GIF", "BMP", "JPEG", "PPM")
MOST_PIXELS = 100_000_000
FIELD_OF_VIEW = f"{MASK_PREFIX}field_of_view"
# No vessel, disc or lesion covers more of a field of view; a mask that does is inverted, or of something else.
MOST_COVERED = 0.6

MOST_LABELS = 16  # values; a soft edge has more
_DARK = 1 / 8  # of the brightest: darker pixels are background
_FLAT = 1 / 32  # of the brightest: how much a value varies within a filled area
_MOST_FLAT = 0.1  # of the pixels that are neither dark nor bright
_MOST_NAMED = 6  # values
SHARE = "share"  # in place of values: grey is the share of annotators, or of the pixel, from black to white
_CHOICE = re.compile(r"#(share|(?:\d+-\d+|\d+|[0-9a-fA-F]{6})(?:,(?:\d+-\d+|\d+|[0-9a-fA-F]{6}))*)$")

Mask = NDArray[np.bool_]
AnyManifest = TypeVar("AnyManifest", bound=Manifest)


def read_mask(path: Path, size: tuple[int, int] | None = None) -> Mask:
    """Read a mask.

    See "What a mask says" in docs/segmentation.md for the rule.

    Args:
        path: A picture; any bit depth, grey, palette or colour. After a `#` in its name, the values of the mask, in place
            of the rule: `map.png#1,3`, a range `map.png#128-255`, colours `map.png#ff0000`, half of the annotators or more
            `map.png#share`. Of a palette they are indices. Or a shape, `#ellipse 0.3 0.5 0.1 0.12`.
        size: Height and width of the photograph; only a shape needs it.

    Returns:
        Shape (height, width), bool, upright: True where the structure is.

    Raises:
        UserError: If the file is missing, not a picture of a known kind or too large, or the rule does not decide.
    """
    if (shape := shape_of(path)) is not None:
        return np.asarray(_drawn(shape, path, size) >= 0.5)
    file, chosen = file_and_values(path)
    picture = _finite(file)
    if chosen == SHARE:
        return np.asarray(_shares(picture) >= 0.5)
    return _by_rule(file, picture) if chosen is None else _chosen(picture, chosen)


def read_cover(path: Path, size: tuple[int, int] | None = None) -> NDArray[np.float32]:
    """As `read_mask`, but soft where the mask is: shares of annotators (`#share`), the blob of a point, an ellipse's rim.

    Returns:
        Shape (height, width), float32, 0 to 1, upright.

    Raises:
        UserError: As `read_mask`.
    """
    if (shape := shape_of(path)) is not None:
        return _drawn(shape, path, size)
    file, chosen = file_and_values(path)
    return _shares(_finite(file)) if chosen == SHARE else read_mask(path).astype(np.float32)


def _drawn(shape: Shape | Boxes, path: Path, size: tuple[int, int] | None) -> NDArray[np.float32]:
    if size is None:
        raise UserError(f"{path.name}: a shape can only be drawn on its photo, which cannot be read")
    return shape.cover(size)


def _finite(file: Path) -> "_Picture":
    picture = _decoded(file)
    if not np.isfinite(picture.values).all():
        raise UserError(f"{file}: holds values that are not numbers (NaN); write 0 outside the structure")
    return picture


def _shares(picture: "_Picture") -> NDArray[np.float32]:
    is_float = np.issubdtype(picture.level.dtype, np.floating)
    white = 1.0 if is_float else float(np.iinfo(picture.level.dtype).max)
    level = np.where(picture.opaque, picture.level, 0).astype(np.float32)
    return np.asarray(np.clip(level / np.float32(white), 0, 1))


def file_and_values(path: Path) -> tuple[Path, str | None]:
    """The file of a mask, and the values after a `#`, if there are any and no file has the entire name."""
    path = Path(path)
    found = _CHOICE.search(path.name)
    if found is None or path.is_file():
        return path, None
    return path.with_name(path.name[: found.start()]), found[1]


@dataclass(frozen=True)
class _Picture:
    """A mask's picture, upright; all of shape (height, width).

    `values` are grey levels, indices of a palette, or colours as 24-bit numbers; `level` is their brightness.
    """

    values: NDArray[Any]
    level: NDArray[Any]
    opaque: Mask
    is_colour: bool
    lossy: bool


def _decoded(file: Path) -> _Picture:
    try:
        # As a stream: Pillow maps a file into memory by the sides that a TIFF has once it is upright, and garbles it.
        with file.open("rb") as stream, Image.open(stream, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise UserError(f"{file}: {image.width} x {image.height} pixels are too many for a mask")
            lossy, inverted = image.format == "JPEG", is_white_zero(image)
            ImageOps.exif_transpose(image, in_place=True)
            values, level = _values(image)
            has_alpha = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
            opaque = (
                np.asarray(image.convert("RGBA").getchannel("A")) >= 128
                if has_alpha
                else np.ones(level.shape, np.bool_)
            )
    except FileNotFoundError as error:
        raise UserError(f"{file}: there is no such mask") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{file}: cannot be read as a mask ({type(error).__name__})") from error
    if inverted:
        values = level = np.iinfo(values.dtype).max - values
    return _Picture(values, level, opaque, values.dtype == np.uint32, lossy)


def _values(image: Image.Image) -> tuple[NDArray[Any], NDArray[Any]]:
    """Values and their brightness; colours, and they alone, are uint32."""
    if image.mode in ("P", "PA"):
        index = np.asarray(image.getchannel(0) if image.mode == "PA" else image)
        palette = np.zeros((256, 3), np.uint8)
        colours = np.asarray(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
        palette[: len(colours)] = colours
        return index, palette.max(axis=1)[index]
    if image.mode in ("1", "L", "LA", "F") or image.mode.startswith("I"):
        grey = np.asarray(image.getchannel(0) if image.mode == "LA" else image)
        grey = grey.astype(np.uint8) if grey.dtype == np.bool_ else grey
        return grey, grey
    red, green, blue = cv2.split(np.asarray(image.convert("RGB" if "A" not in image.mode else "RGBA"))[..., :3])
    if np.array_equal(red, green) and np.array_equal(red, blue):
        return red, red
    colour = red.astype(np.uint32) << 16 | green.astype(np.uint32) << 8 | blue
    return colour, cv2.max(cv2.max(red, green), blue)


def _chosen(picture: _Picture, chosen: str) -> Mask:
    mask = np.zeros(picture.values.shape, np.bool_)
    for one in chosen.split(","):
        low, dash, high = one.partition("-")
        if dash:
            mask |= (picture.values >= int(low)) & (picture.values <= int(high))
        else:
            is_colour = len(one) == 6 and (picture.is_colour or not one.isdecimal())
            mask |= picture.values == int(one, 16 if is_colour else 10)
    return mask & picture.opaque


def _by_rule(file: Path, picture: _Picture) -> Mask:
    values, opaque = picture.values, picture.opaque
    if not opaque.any():
        raise UserError(f"{file}: is transparent all over; save it without an alpha channel")
    present, first, counts = np.unique(values[opaque], return_index=True, return_counts=True)
    levels = picture.level[opaque][first]
    if len(present) == 1:
        return np.full(values.shape, levels[0] > 0) if opaque.all() else opaque
    if picture.lossy or len(present) > MOST_LABELS:
        return _soft(file, picture)
    bright = levels > _DARK * levels.max()
    if bright.sum() != 1 or len(present) != 2:
        raise _unclear(file, present, counts, picture.is_colour, "the rule takes two, one of them black")
    return np.asarray((values == present[bright][0]) & opaque)


def _soft(file: Path, picture: _Picture) -> Mask:
    """The brighter half of a picture with soft edges, unless levels between fill areas, or bright colours differ."""
    level = np.where(picture.opaque, picture.level, 0).astype(np.float32)
    is_float = np.issubdtype(picture.level.dtype, np.floating)
    white = 1.0 if is_float else float(np.iinfo(picture.level.dtype).max)
    brightest = float(level.max())
    between = (level > _DARK * brightest) & (level < (1 - _DARK) * brightest)
    around = np.ones((3, 3), np.uint8)
    flat = between & (cv2.dilate(level, around) - cv2.erode(level, around) <= _FLAT * brightest)
    mask = level >= brightest / 2
    if not (1 - _DARK) * white <= brightest <= white or level.min() > _DARK * brightest:
        why, where = "a mask with soft edges goes from black to white", picture.opaque
    elif flat.sum() > _MOST_FLAT * between.sum():
        why, where = "these fill areas between black and white", flat
    elif picture.is_colour and _hues_differ(picture.values[mask]):
        why, where = "these are all bright", mask
    else:
        return mask
    raise _unclear(file, *np.unique(picture.values[where], return_counts=True), picture.is_colour, why)


def _hues_differ(colours: NDArray[Any]) -> bool:
    parts = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1).astype(np.float32)
    hues = parts / parts.max(axis=1, keepdims=True)
    apart = np.abs(hues - np.median(hues, axis=0)).max(axis=1) > 0.5
    return bool(apart.mean() > 0.05)


def _unclear(file: Path, present: NDArray[Any], counts: NDArray[Any], is_colour: bool, why: str) -> UserError:
    """The error that names the most frequent values with their shares, and the ways to choose."""
    most = sorted(np.argsort(-counts, kind="stable")[:_MOST_NAMED])
    names = [f"{present[place]:06x}" if is_colour else f"{present[place]:g}" for place in most]
    shares = ", ".join(f"{name} ({counts[place] / counts.sum():.1%})" for name, place in zip(names, most, strict=True))
    more = f" and {len(present) - len(most)} more" if len(present) > len(most) else ""
    example = ",".join(name for name in names if name != names[int(np.argmax(counts[most]))])
    return UserError(
        f"{file}: cannot decide which values are the mask. It holds {shares}{more}; {why}. List those of the mask for the entire "
        f"column, such as --mask-value STRUCTURE={example}, or in the manifest's cell, such as {file.name}#{example}; "
        "128-255 is a range"
    )


def with_mask_values(manifest: AnyManifest, choices: Sequence[str]) -> AnyManifest:
    """The manifest with values chosen for entire mask columns; a cell with its own keeps them.

    Args:
        choices: Such as `artery=1,3`: the values of `mask_artery` that are the mask; see `read_mask`.

    Raises:
        UserError: If there is no such column, or the values are not understood.
    """
    table = manifest.table.copy()
    for choice in choices:
        name, _, values = choice.partition("=")
        column = name if name.startswith(MASK_PREFIX) else MASK_PREFIX + name
        if column not in manifest.masks:
            known = [mask.removeprefix(MASK_PREFIX) for mask in manifest.masks]
            raise unknown("mask", column.removeprefix(MASK_PREFIX), known, f"--mask-value {choice}")
        if not _CHOICE.fullmatch(f"#{values}"):
            raise UserError(
                f"--mask-value {choice}: expected values such as {name}=1,3, {name}=128-255 or {name}=share"
            )
        own = table[column].str.contains(
            _CHOICE.pattern.replace("(", "(?:", 1) + "|#(?:point |ellipse |empty)", na=True
        )
        table[column] = table[column].where(own, table[column] + f"#{values}")
    return replace(manifest, table=table)


def refuse_shared_masks(manifest: Manifest) -> None:
    """Refuse two mask columns that name one file, and the same values in it, for the same photo.

    Raises:
        UserError: Naming the columns and the first photo.
    """
    masks = manifest.table[list(manifest.masks)]
    for number, column in enumerate(masks.columns):
        for other in masks.columns[:number]:
            same = ((masks[column] == masks[other]) & (masks[column] != EMPTY)).fillna(False)
            if same.any():
                first = int(np.flatnonzero(same)[0])
                photo, mask = manifest.table["photo"].iloc[first], masks[column].iloc[first]
                raise UserError(
                    f"'{other}' and '{column}' name one file, '{mask}' (photo '{photo}', and "
                    f"{int(same.sum()) - 1} more): it cannot be of both. Say which of its values each is, for example "
                    f"--mask-value {other.removeprefix(MASK_PREFIX)}=1 --mask-value {column.removeprefix(MASK_PREFIX)}=2"
                )


def refuse_overfull(path: Path, covered: float) -> None:
    """Refuse a mask that covers more of the field of view than any structure, unless its values were chosen.

    Args:
        path: As a manifest names it.
        covered: Share of the field of view, 0 to 1.

    Raises:
        UserError: If it is more than `MOST_COVERED`.
    """
    file, chosen = file_and_values(path)
    if covered > MOST_COVERED and chosen is None:
        raise UserError(
            f"{file}: the mask covers {covered:.0%} of the field of view. Is it inverted? Say which values are the mask with "
            f"--mask-value STRUCTURE=0, or in the manifest's cell: {file.name}#0"
        )
