"""Masks are read as publishers write them, and nothing else is taken for one."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from eyeground.data.manifest import Manifest, validated
from eyeground.errors import UserError
from eyeground.imaging.decode import read_photo
from eyeground.imaging.masks import read_mask, refuse_overfull, refuse_shared_masks, with_mask_values

TRUTH = np.zeros((20, 30), np.bool_)
TRUTH[4:9, 10:22] = True


def saved(path: Path, mode: str, ending: str) -> Path:
    grey = Image.fromarray(TRUTH.astype(np.uint8) * 255)
    picture = {
        "one bit": lambda: grey.convert("1"),
        "grey": lambda: grey,
        "half bright": lambda: Image.fromarray(TRUTH.astype(np.uint8) * 128),
        "ones": lambda: Image.fromarray(TRUTH.astype(np.uint8)),
        "palette": lambda: grey.convert("P"),
        "red on black": lambda: Image.merge("RGB", (grey, Image.new("L", grey.size), Image.new("L", grey.size))),
        "16 bits": lambda: Image.fromarray(TRUTH.astype(np.uint16) * 65535),
    }[mode]()
    picture.save(path / f"mask.{ending}")
    return path / f"mask.{ending}"


@pytest.mark.parametrize(
    ("mode", "ending"),
    [
        ("one bit", "tif"),
        ("grey", "png"),
        ("half bright", "png"),
        ("ones", "png"),
        ("palette", "gif"),
        ("grey", "bmp"),
        ("red on black", "tif"),
        ("16 bits", "png"),
    ],
)
def test_a_mask_is_read_whatever_its_picture_is_like(tmp_path: Path, mode: str, ending: str) -> None:
    assert np.array_equal(read_mask(saved(tmp_path, mode, ending)), TRUTH)


def test_a_black_picture_is_an_empty_mask(tmp_path: Path) -> None:
    Image.new("L", (7, 5)).save(tmp_path / "black.png")
    assert not read_mask(tmp_path / "black.png").any()


def test_what_is_no_mask_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "cut.png").write_bytes(saved(tmp_path, "grey", "png").read_bytes()[:60])
    for name, message in (("text.png", "cannot be read"), ("cut.png", "cannot be read"), ("gone.png", "no such mask")):
        with pytest.raises(UserError, match=message) as caught:
            read_mask(tmp_path / name)
        assert name in str(caught.value)


GREY = TRUTH.astype(np.uint8) * 255


def saved_as(path: Path, values: np.ndarray | Image.Image, name: str = "mask.png", **options: object) -> Path:
    image = values if isinstance(values, Image.Image) else Image.fromarray(values)
    image.save(path / name, **options)
    return path / name


def painted(ink: tuple[int, ...], paper: tuple[int, ...]) -> np.ndarray:
    return np.where(TRUTH[..., None], np.array(ink, np.uint8), np.array(paper, np.uint8))


@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        ((0, 0, 0, 255), (0, 0, 0, 0)),  # black ink on transparent paper
        ((255, 255, 255, 255), (255, 255, 255, 0)),  # white all over, the shape in alpha alone
        ((0, 0, 0, 255), (255, 255, 255, 0)),
        ((200, 30, 30, 190), (0, 0, 0, 10)),  # half transparent ink
        ((255, 255, 255, 255), (0, 0, 0, 255)),  # an alpha channel that says nothing
    ],
)
def test_transparent_pixels_are_not_in_the_mask(tmp_path: Path, ink: tuple[int, ...], paper: tuple[int, ...]) -> None:
    assert np.array_equal(read_mask(saved_as(tmp_path, painted(ink, paper))), TRUTH)


def test_alpha_beside_grey_and_in_palettes_counts_too(tmp_path: Path) -> None:
    white = np.dstack([np.full_like(GREY, 255), GREY])
    assert np.array_equal(read_mask(saved_as(tmp_path, Image.fromarray(white, "LA"))), TRUTH)
    palette = Image.fromarray(TRUTH.astype(np.uint8), "P")
    palette.putpalette([255, 255, 255, 10, 10, 10])
    assert np.array_equal(read_mask(saved_as(tmp_path, palette, transparency=0)), TRUTH)


def test_within_transparent_margins_the_bright_is_the_mask_on_the_black(tmp_path: Path) -> None:
    picture = painted((255, 255, 255, 255), (0, 0, 0, 255))
    picture[:, :3] = 0
    assert np.array_equal(read_mask(saved_as(tmp_path, picture)), TRUTH)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_mask_is_turned_upright_as_its_photo_is(tmp_path: Path, orientation: int) -> None:
    photo = saved_as(tmp_path, np.dstack([GREY] * 3), "photo.tif", exif={0x0112: orientation})
    mask = saved_as(tmp_path, GREY, "mask.tif", exif={0x0112: orientation})
    assert np.array_equal(read_mask(mask), read_photo(photo).pixels[..., 0] > 0)


def test_sixteen_bits_in_which_white_is_zero_are_turned_round(tmp_path: Path) -> None:
    path = saved_as(tmp_path, TRUTH.astype(np.uint16) * 65535, "mask.tif")
    path.write_bytes(
        path.read_bytes().replace(b"\x06\x01\x03\x00\x01\x00\x00\x00\x01", b"\x06\x01\x03\x00\x01\0\0\0\0")
    )
    assert np.array_equal(read_mask(path), ~TRUTH)


def test_soft_edges_and_lossy_noise_are_halved(tmp_path: Path) -> None:
    disc = np.hypot(*np.mgrid[-60:60, -60:60]) < 40
    soft = np.asarray(Image.fromarray(disc.astype(np.uint8) * 255).resize((70, 70), Image.Resampling.BICUBIC))
    assert np.array_equal(read_mask(saved_as(tmp_path, soft)), soft >= 127.5)
    for name in ("mask.jpg", "red.jpg"):
        grey = Image.fromarray(disc.astype(np.uint8) * 255)
        black = Image.new("L", grey.size)
        image = grey if name == "mask.jpg" else Image.merge("RGB", (grey, black, black))
        assert (read_mask(saved_as(tmp_path, image, name, quality=80)) != disc).mean() < 0.01


def labels(*values: int) -> np.ndarray:
    """A map of labels in bands, the first of them the background."""
    plane = np.full((60, 80), values[0], np.uint8)
    for place, value in enumerate(values[1:]):
        plane[10 + 8 * place : 16 + 8 * place, 20:50] = value
    return plane


UNCLEAR = {
    "labels": labels(0, 1, 3),
    "labels of arteries and veins": labels(0, 1, 2, 3),
    "grey lesions": labels(0, 85, 255),
    "outlines of REFUGE": labels(255, 128, 0),
    "two labels without a background": labels(1, 2),
    "one label that is dark beside another": labels(0, 1, 19),
    "arteries red, veins blue": np.dstack([labels(0, 255, 0), labels(0, 0, 0), labels(0, 0, 255)]),
    "grey on grey": labels(100, 255),
}


@pytest.mark.parametrize("kind", UNCLEAR)
def test_what_the_rule_cannot_tell_is_refused_with_the_values_and_the_ways_to_choose(tmp_path: Path, kind: str) -> None:
    picture = UNCLEAR[kind]
    with pytest.raises(UserError) as caught:
        read_mask(saved_as(tmp_path, picture))
    message = str(caught.value)
    assert "mask.png" in message and "--mask-value" in message and "mask.png#" in message
    for value in np.unique(picture.reshape(-1, 3), axis=0) if picture.ndim == 3 else np.unique(picture):
        name = "".join(f"{channel:02x}" for channel in value) if picture.ndim == 3 else str(value)
        assert f"{name} (" in message


def test_a_map_of_many_objects_and_the_shares_of_annotators_are_refused(tmp_path: Path) -> None:
    objects = np.zeros((200, 200), np.uint8)
    for number in range(40):  # forty lesions, each with a number of its own
        row, column = divmod(number, 8)
        objects[10 + 30 * row : 20 + 30 * row, 5 + 24 * column : 15 + 24 * column] = number + 1
    share = np.asarray(Image.fromarray(labels(0, 64, 128, 191, 255)).resize((310, 230), Image.Resampling.BICUBIC))
    for picture in (objects, share):
        with pytest.raises(UserError, match="cannot decide which values are the mask"):
            read_mask(saved_as(tmp_path, picture))
    chosen = read_mask(saved_as(tmp_path, share).with_name("mask.png#128-255"))
    assert np.array_equal(chosen, share >= 128)


def test_floats_have_two_values_and_no_gaps(tmp_path: Path) -> None:
    plane = TRUTH.astype(np.float32)
    assert np.array_equal(read_mask(saved_as(tmp_path, plane, "mask.tif")), TRUTH)
    plane[0, 0] = np.nan
    with pytest.raises(UserError, match="NaN"):
        read_mask(saved_as(tmp_path, plane, "mask.tif"))


def test_a_palette_whose_colours_look_alike_is_refused_and_chosen_by_index(tmp_path: Path) -> None:
    image = Image.fromarray(TRUTH.astype(np.uint8), "P")
    image.putpalette([0, 0, 0, 0, 0, 0])
    path = saved_as(tmp_path, image)
    with pytest.raises(UserError, match="cannot decide which values are the mask"):
        read_mask(path)
    assert np.array_equal(read_mask(path.with_name("mask.png#1")), TRUTH)


@given(values=st.lists(st.integers(0, 255), min_size=2, max_size=6, unique=True), data=st.data())
def test_chosen_values_are_the_mask(tmp_path: Path, values: list[int], data: st.DataObject) -> None:
    plane = labels(*values)
    chosen = data.draw(st.lists(st.sampled_from(values), min_size=1, unique=True))
    path = saved_as(tmp_path, plane).with_name("mask.png#" + ",".join(map(str, chosen)))
    assert np.array_equal(read_mask(path), np.isin(plane, chosen))


def test_colours_are_chosen_by_their_hexadecimal_names(tmp_path: Path) -> None:
    path = saved_as(tmp_path, UNCLEAR["arteries red, veins blue"])
    assert np.array_equal(read_mask(path.with_name("mask.png#ff0000")), labels(0, 1, 0) == 1)
    assert np.array_equal(read_mask(path.with_name("mask.png#ff0000,0000FF")), labels(0, 1, 1) == 1)


def test_a_file_whose_name_ends_like_a_choice_is_a_file(tmp_path: Path) -> None:
    assert np.array_equal(read_mask(saved_as(tmp_path, GREY, "map#3", format="PNG")), TRUTH)


def manifest_of(**masks: list[str | None]) -> Manifest:
    table = pd.DataFrame({"photo": ["a.jpg", "b.jpg"], "patient": ["1", "2"], **masks})
    return validated(table, "table")


def test_values_are_chosen_for_a_column_and_cells_keep_their_own() -> None:
    manifest = manifest_of(mask_artery=["a.png", "b.png#7"], mask_vein=[None, "b.png"])
    chosen = with_mask_values(manifest, ["artery=1,3", "mask_vein=128-255"]).table
    assert chosen["mask_artery"].tolist() == ["a.png#1,3", "b.png#7"]
    assert pd.isna(chosen["mask_vein"][0]) and chosen["mask_vein"][1] == "b.png#128-255"
    for choice, words in (("arterie=1", "did you mean 'artery'"), ("artery=red", "expected values such as")):
        with pytest.raises(UserError, match=words):
            with_mask_values(manifest, [choice])


def test_one_file_for_two_structures_needs_two_choices() -> None:
    manifest = manifest_of(mask_artery=["a.png", "b.png"], mask_vein=[None, "b.png"])
    with pytest.raises(UserError, match=r"'mask_artery' and 'mask_vein' name one file, 'b\.png'"):
        refuse_shared_masks(manifest)
    refuse_shared_masks(with_mask_values(manifest, ["artery=1,3", "vein=2,3"]))


def test_a_mask_over_most_of_the_field_of_view_is_questioned_unless_it_was_chosen() -> None:
    refuse_overfull(Path("mask.png"), 0.5)
    refuse_overfull(Path("mask.png#0"), 0.99)
    with pytest.raises(UserError, match=r"covers 99% .* inverted"):
        refuse_overfull(Path("mask.png"), 0.99)
