"""Predictions as part of the truth: who is taught what, and what is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from eyeground.config.supervision import SoftLabels
from eyeground.config.targets import Target
from eyeground.data.manifest import Manifest, validated
from eyeground.errors import UserError
from eyeground.imaging.prepared_photos import PreparedPhotos
from eyeground.training.soft_labels import blended, with_soft_labels

TARGETS = (Target(name="abnormal"), Target(name="amd"))
CONSOLE = Console(quiet=True)


def prepared(root: Path) -> PreparedPhotos:
    """Two training photos, one to validate on; the second one's AMD is unknown."""
    table = pd.DataFrame(
        {
            "photo": ["photos/a.jpg", "photos/b.jpg", "photos/c.jpg"],
            "patient": ["p", "q", "r"],
            "split": ["train", "train", "validation"],
            "abnormal": [1, 0, 1],
            "amd": [0, None, 1],
        }
    )
    manifest = Manifest(validated(table, "manifest").table, root)
    truth = table[["abnormal", "amd"]].to_numpy(np.float32)
    return PreparedPhotos(manifest=manifest, standard=tuple(root / f"{name}.png" for name in "abc"), truth=truth)


def table_of(
    folder: Path, photos: dict[str, tuple[float, float]], split: str = "test", in_training: int | None = None
) -> str:
    """Write a predictions table and return its path."""
    folder.mkdir(parents=True)
    rows = [
        {
            "photo": photo,
            "patient": "anyone",
            "split": split,
            "truth_abnormal": 1.0,
            "probability_abnormal": abnormal,
            "truth_amd": 1.0,
            "probability_amd": amd,
            **({} if in_training is None else {"in_training": in_training}),
        }
        for photo, (abnormal, amd) in photos.items()
    ]
    path = folder / "predictions.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return str(path)


def test_training_truths_move_towards_the_mean_of_what_the_tables_say(tmp_path: Path) -> None:
    first = table_of(tmp_path / "runs" / "first", {"../../photos/a.jpg": (0.5, 0.2)})
    second = table_of(
        tmp_path / "runs" / "second", {"../../photos/a.jpg": (0.7, 0.4), "../../photos/b.jpg": (0.4, 0.9)}
    )
    given = prepared(tmp_path)
    photos = with_soft_labels(given, TARGETS, SoftLabels(predictions=(first, second), share=0.25), CONSOLE)
    assert photos.truth == pytest.approx(np.array([[0.9, 0.075], [0.1, 0.9], [1, 1]]))
    assert given.truth[0].tolist() == [1, 0]


def test_photos_to_validate_on_are_never_taught(tmp_path: Path) -> None:
    said = table_of(tmp_path / "run", {"../photos/a.jpg": (0.5, 0.5), "../photos/c.jpg": (0.1, 0.1)}, "validation")
    photos = with_soft_labels(prepared(tmp_path), TARGETS, SoftLabels(predictions=(said,)), CONSOLE)
    assert photos.truth[2].tolist() == [1, 1]


def test_an_output_that_the_table_lacks_is_learnt_from_labels(tmp_path: Path) -> None:
    path = table_of(tmp_path / "run", {"../photos/a.jpg": (0.5, 0.5)})
    pd.read_csv(path).drop(columns=["truth_amd", "probability_amd"]).to_csv(path, index=False)
    photos = with_soft_labels(prepared(tmp_path), TARGETS, SoftLabels(predictions=(path,), share=1.0), CONSOLE)
    assert photos.truth[0].tolist() == [0.5, 0]


def test_without_tables_the_photos_are_as_they_were(tmp_path: Path) -> None:
    photos = prepared(tmp_path)
    assert with_soft_labels(photos, TARGETS, SoftLabels(), CONSOLE) is photos


def test_photos_that_a_teacher_learnt_from_do_not_count(tmp_path: Path) -> None:
    said = table_of(tmp_path / "run", {"../photos/a.jpg": (0.5, 0.5)}, split="train")
    with pytest.raises(UserError, match=r"none of the 2 training photos .* pretrain --fold"):
        with_soft_labels(prepared(tmp_path), TARGETS, SoftLabels(predictions=(said,)), CONSOLE)


def test_a_table_that_says_what_its_model_was_fitted_to_is_believed(tmp_path: Path) -> None:
    other = table_of(tmp_path / "other", {"../photos/a.jpg": (0.5, 0.5)}, split="train", in_training=0)
    own = table_of(tmp_path / "own", {"../photos/b.jpg": (0.5, 0.5)}, split="test", in_training=1)
    photos = with_soft_labels(prepared(tmp_path), TARGETS, SoftLabels(predictions=(other, own), share=1.0), CONSOLE)
    assert photos.truth[0].tolist() == [0.5, 0.5]
    assert photos.truth[1, 0] == 0


def test_a_table_of_other_outputs_is_refused_by_name(tmp_path: Path) -> None:
    said = table_of(tmp_path / "run", {"../photos/a.jpg": (0.5, 0.5)})
    with pytest.raises(UserError, match=r"predictions\.csv: predicts abnormal, amd, none of which"):
        with_soft_labels(prepared(tmp_path), [Target(name="glaucoma")], SoftLabels(predictions=(said,)), CONSOLE)


values = st.one_of(st.just(float("nan")), st.floats(0, 1))


@given(truth=values, said=values, share=st.floats(0, 1))
def test_a_blend_lies_between_what_is_known(truth: float, said: float, share: float) -> None:
    (mixed,) = blended(np.array([truth]), np.array([said]), share)
    known = [value for value in (truth, said) if not np.isnan(value)]
    if not known:
        assert np.isnan(mixed)
    else:
        assert min(known) - 1e-9 <= mixed <= max(known) + 1e-9
