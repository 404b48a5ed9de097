"""The flow of photos as a diagram."""

import re

import pytest

from eyeground.data.predictions import validated_predictions
from eyeground.datasets.synthetic import render_dataset
from eyeground.errors import UserError
from eyeground.evaluation.flow import read_checked_flow
from eyeground.evaluation.reporting.figure_style import as_svg
from eyeground.evaluation.reporting.flow_diagram import flow_section, steps_of
from eyeground.workflows.check import check_manifest

CHECKED = """step,photos,patients
in the manifest,100,60
missing files,3,2
unreadable files,2,2
readable,95,58
of these ungradable by the measures,7,6
exact duplicates of one patient,0,0
exact duplicates across patients,0,0
near duplicates of one patient,0,0
near duplicates across patients,4,4
left by --clean,93,57
"""


@pytest.fixture
def checked(tmp_path):
    (tmp_path / "flow.csv").write_text(CHECKED)
    return read_checked_flow(tmp_path / "flow.csv")


def texts(section):
    return [text.get_text() for text in section.figures[0].figure.axes[0].texts]


def boxes(section):
    return len(section.figures[0].figure.axes[0].patches)


def test_what_check_found_leads_to_what_is_evaluated(predictions, checked):
    made = predictions([1, 0, None, 0], [0.5] * 4, patient=list("aabc"), split=["validation", "test", "test", "test"])
    section = flow_section(made, checked)
    drawn = texts(section)
    assert "100 photos of 60 patients" in drawn and "95 photos of 58 patients" in drawn
    assert "missing files: 3" in drawn and "unreadable files: 2" in drawn
    assert "7 ungradable by the measures" in drawn and "4 near duplicates across patients" in drawn
    assert "91 photos" in drawn, "readable and not in the predictions"
    assert "4 photos of 3 patients" in drawn
    assert "3 photos" in drawn and "1 photo" in drawn, "test and validation"
    # Four boxes in the chain, with two beside; two splits; what is evaluated.
    assert boxes(section) == 3 + 2 + 2 + 1
    row = drawn[drawn.index("dr") :][:4]
    assert row == ["dr", "0", "2", "1"]
    assert "95 photos of 58 patients" in section.figures[0].alt


def test_predictions_alone_are_drawn_without_splits_where_there_are_none(predictions):
    section = flow_section(predictions([1, 0], [0.5, 0.5]))
    assert boxes(section) == 2
    assert "Evaluated: all photos" in texts(section)
    assert any("no 'split' column" in paragraph for paragraph in section.paragraphs)


def test_more_predictions_than_readable_photos_are_of_another_manifest(predictions, checked):
    with pytest.raises(UserError, match="95 readable photos, but the predictions hold 96; it is of another manifest"):
        steps_of(predictions([0] * 96, [0.5] * 96), checked)


def test_nothing_is_said_to_be_lost_where_all_are_predicted(predictions, checked):
    _, readable, _ = steps_of(predictions([0] * 95, [0.5] * 95), checked)
    assert readable.loss == ("Not in the predictions", "0 photos")


def test_many_outputs_are_cut_short_and_the_table_has_them_all(study):
    table = study(5, seed=0)
    for index in range(20):
        table[f"truth_disease_{index}"] = 0.0
        table[f"probability_disease_{index}"] = 0.5
    section = flow_section(validated_predictions(table, "table"))
    assert "… and 9 more outputs, in the table" in texts(section)
    assert len(section.tables[0].table) == 21


def test_no_text_leaves_the_figure(study, checked):
    table = study(40, seed=0).assign(split=["train", "validation", "test", None] * 20)
    name = "a_disease_whose_name_is_longer_than_any_box_has_room_for>=2"
    table[f"truth_{name}"], table[f"probability_{name}"] = table["truth_dr"], table["probability_dr"]
    figure = flow_section(validated_predictions(table, "table"), checked).figures[0].figure
    as_svg(figure)
    width, height = figure.get_size_inches() * figure.dpi
    for text in figure.axes[0].texts:
        if text.get_text():
            extent = text.get_window_extent()
            assert extent.x0 >= 0 and extent.x1 <= width and extent.y0 >= 0 and extent.y1 <= height, text.get_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("split,output\ntest,dr\n", "has no column 'step'"),
        (CHECKED.replace("95", "many"), "a count is no number"),
        (CHECKED.replace("\nreadable,", "\nlegible,"), "has no step 'readable'"),
    ],
)
def test_another_table_is_not_taken_for_the_flow_of_check(tmp_path, content, message):
    (tmp_path / "flow.csv").write_text(content)
    with pytest.raises(UserError, match=re.escape(message)):
        read_checked_flow(tmp_path / "flow.csv")


def test_the_flow_that_check_writes_can_be_read(tmp_path, predictions):
    manifest = render_dataset(tmp_path / "photos", 3, side=128, seed=0)
    check_manifest(manifest, tmp_path / "cache", 1).write(tmp_path)
    flow = read_checked_flow(tmp_path / "flow.csv")
    assert steps_of(predictions([0, 1], [0.5, 0.5]), flow)[0].lines == (f"{len(manifest)} photos of 3 patients",)
