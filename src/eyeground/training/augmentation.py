"""Random changes of a standard photo that a retina, a camera or an operator could have made, in less than a millisecond at 224 px.

Only some photos are warped, the others are rotated by right angles: interpolation blurs, and at 224 px a microaneurysm is a
pixel or two wide.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from eyeground.config.training_recipe import Augmentation

SMALLEST_JPEG_QUALITY, LARGEST_JPEG_QUALITY = 40, 95
LARGEST_BLUR = 0.008  # standard deviation as a share of the side: about 2 px at 224
LARGEST_SHARPENING = 1.5  # how often what a blur takes away is added


def augment(photo: np.ndarray, settings: Augmentation, random: np.random.Generator) -> np.ndarray:
    """Return a randomly changed copy of a standard photo.

    Args:
        photo: Shape (side, side, 3), uint8 RGB.
        settings: How much of what.
        random: The only source of randomness.

    Returns:
        Shape (side, side, 3), uint8 RGB.
    """
    changed, _ = augment_with_masks(photo, [], settings, random)
    return changed


def augment_with_masks(
    photo: np.ndarray, masks: Sequence[np.ndarray], settings: Augmentation, random: np.random.Generator
) -> tuple[np.ndarray, list[np.ndarray]]:
    """As `augment`, with masks that are flipped, rotated and warped as the photo is, and otherwise unchanged.

    Args:
        photo: Shape (side, side, 3), uint8 RGB.
        masks: Shape (side, side), uint8 each.
        settings: How much of what.
        random: The only source of randomness; the same state gives the same photo, with and without masks.

    Returns:
        photo: Shape (side, side, 3), uint8 RGB.
        masks: Shape (side, side), uint8 each.
    """
    changed, *moved = _flip_and_rotate([photo, *masks], settings, random)
    if random.random() < settings.warp:
        changed, *moved = _warp([changed, *moved], settings, random)
    changed = _photometric(changed, settings, random)
    if settings.illumination:
        changed = _illuminate(changed, settings.illumination, random)
    if random.random() < settings.blur:
        changed = _blurred(changed, random)
    # A share of zero takes no random number, so that recipes from before there was sharpening give the same photos.
    if settings.sharpen and random.random() < settings.sharpen:
        amount = random.uniform(0, LARGEST_SHARPENING)
        changed = cv2.addWeighted(changed, 1 + amount, _blurred(changed, random), -amount, 0)
    if random.random() < settings.jpeg:
        changed = _recompress(changed, int(random.integers(SMALLEST_JPEG_QUALITY, LARGEST_JPEG_QUALITY + 1)))
    return changed, moved


def recoloured(photo: np.ndarray, other: np.ndarray, amount: float) -> np.ndarray:
    """A photo with colours moved towards those of another, which another camera took; black stays black.

    The histogram of each channel over the field of view is matched to the other's, as far as `amount` says.

    Args:
        photo: Shape (side, side, 3), uint8 RGB.
        other: Shape (any, any, 3), uint8 RGB.
        amount: 0 leaves the photo as it is, 1 gives it the other's histograms.

    Returns:
        Shape (side, side, 3), uint8 RGB.
    """
    ours, theirs = _shares_below(photo), _shares_below(other)
    levels = np.arange(256)
    matched = np.stack([np.interp(*pair, levels) for pair in zip(ours, theirs, strict=True)], axis=1)
    table = levels[:, None] + amount * (matched - levels[:, None])
    table[0] = 0
    return np.asarray(cv2.LUT(photo, np.round(table).astype(np.uint8)[None]))


def _shares_below(photo: np.ndarray) -> list[np.ndarray]:
    """For each channel, the share of visible pixels up to each grey level, shape (256,)."""
    visible = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    counts = [cv2.calcHist([photo], [channel], visible, [256], [0, 256]).ravel() for channel in range(3)]
    return [np.cumsum(count) / max(1.0, float(count.sum())) for count in counts]


def _flip_and_rotate(
    pictures: list[np.ndarray], settings: Augmentation, random: np.random.Generator
) -> list[np.ndarray]:
    """Flip, and rotate by a right angle: every pixel keeps its value."""
    if settings.flip and random.random() < 0.5:
        pictures = [picture[:, ::-1] for picture in pictures]
    if settings.rotation >= 90:
        quarters = int(random.integers(4))
        pictures = [np.rot90(picture, quarters) for picture in pictures]
    return [np.ascontiguousarray(picture) for picture in pictures]


def _warp(pictures: list[np.ndarray], settings: Augmentation, random: np.random.Generator) -> list[np.ndarray]:
    side = pictures[0].shape[0]
    angle = random.uniform(-settings.rotation, settings.rotation)
    scale = 1 + random.uniform(-settings.zoom, settings.zoom)
    centre = (side - 1) / 2
    matrix = cv2.getRotationMatrix2D((centre, centre), angle, scale)
    matrix[:, 2] += random.uniform(-settings.shift, settings.shift, size=2) * side
    return [
        np.asarray(cv2.warpAffine(one, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT))
        for one in pictures
    ]


def _photometric(photo: np.ndarray, settings: Augmentation, random: np.random.Generator) -> np.ndarray:
    """Brightness, contrast, gamma and colour as one look-up table per channel; black stays black."""
    brightness = 1 + random.uniform(-settings.brightness, settings.brightness)
    contrast = 1 + random.uniform(-settings.contrast, settings.contrast)
    gamma = 1 + random.uniform(-settings.gamma, settings.gamma)
    channels = 1 + random.uniform(-settings.colour, settings.colour, size=3)
    # Almost only black has the grey value 0; a mask and a mean by OpenCV cost a tenth of NumPy's.
    visible = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    middle = np.array(cv2.mean(photo, visible)[:3]) / 255 if visible.any() else np.full(3, 0.5)
    levels = np.linspace(0, 1, 256)[:, None] ** gamma * channels * brightness
    pivot = middle**gamma * channels * brightness
    table = np.clip((levels - pivot) * contrast + pivot, 0, 1) * 255
    table[0] = 0
    return np.asarray(cv2.LUT(photo, np.round(table).astype(np.uint8)[None]))


def _illuminate(photo: np.ndarray, largest: float, random: np.random.Generator) -> np.ndarray:
    """Brighten or darken the rim against the centre, and one side against the other; black stays black."""
    side = photo.shape[0]
    place = np.linspace(-1, 1, side, dtype=np.float32)
    to_rim, across, along = random.uniform(-largest, largest, size=3)
    horizontal, vertical = to_rim * place**2 + across * place, to_rim * place**2 + along * place
    gain = np.clip(1 + horizontal[None, :] + vertical[:, None], 0.2, 2).astype(np.float32)
    return np.asarray(cv2.multiply(photo, cv2.merge([gain] * 3), dtype=cv2.CV_8U))


def _blurred(photo: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(photo, (0, 0), max(0.3, random.uniform(0, LARGEST_BLUR) * photo.shape[0])))


def _recompress(photo: np.ndarray, quality: int) -> np.ndarray:
    # The channel order matters only for the luma weights of the codec; both directions use the same one.
    _, encoded = cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))[..., ::-1])
