"""Millimetres: how long a pixel of the photograph is on the retina, and on what assumption."""

from dataclasses import dataclass

from eyeground.errors import UserError

# Mean vertical diameter of the disc: 1.76 to 1.92 mm in planimetric studies of adults; single eyes differ by +- 20 %.
DISC_HEIGHT_MM = 1.8
AXIAL_LENGTHS = (18.0, 36.0)  # mm; the shortest and longest that eyes have


@dataclass(frozen=True)
class Scale:
    """How long a pixel is.

    Attributes:
        mm_per_pixel: On the retina.
        source: Where that comes from, with its assumption.
    """

    mm_per_pixel: float
    source: str


def told_scale(mm_per_pixel: float) -> Scale:
    """A scale that somebody tells.

    Raises:
        UserError: If it is no length of a pixel of a fundus photograph.
    """
    if not 0.0005 <= mm_per_pixel <= 0.2:
        raise UserError(
            f"{mm_per_pixel:g} mm per pixel is no fundus photograph's; expected 0.0005 to 0.2, such as 0.006"
        )
    return Scale(mm_per_pixel, "told")


def scale_of_disc(height: float) -> Scale:
    """From the disc's vertical diameter in pixels, assumed to be 1.8 mm."""
    return Scale(DISC_HEIGHT_MM / height, f"assumed: the disc is {DISC_HEIGHT_MM:g} mm high")


def scale_of_camera(angle: float, axial_length: float, field_diameter: float) -> Scale:
    """From the camera's angle of view and the eye's axial length.

    Args:
        angle: Of the field of view's diameter, in degrees.
        axial_length: In mm.
        field_diameter: In pixels.

    Raises:
        UserError: If the angle or length cannot be.

    References:
        Bennett, Rudnicka and Edgar, Graefe's Archive 232 (1994) 361: a degree is 0.01306 (length - 1.82) mm on the retina.

    >>> round(scale_of_camera(45, 24, 2848).mm_per_pixel, 5)
    0.00458
    """
    if not 10 <= angle <= 200:
        raise UserError(f"a camera angle of {angle:g} degrees; expected 10 to 200")
    shortest, longest = AXIAL_LENGTHS
    if not shortest <= axial_length <= longest:
        raise UserError(f"an axial length of {axial_length:g} mm; expected {shortest:g} to {longest:g}")
    length = angle * 0.01306 * (axial_length - 1.82)
    return Scale(length / field_diameter, f"camera angle {angle:g} degrees, axial length {axial_length:g} mm")
