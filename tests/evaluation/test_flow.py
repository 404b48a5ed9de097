"""Where the photos went."""

import pytest

from eyeground.data.predictions import validated_predictions
from eyeground.errors import UserError
from eyeground.evaluation import flow_table
from eyeground.evaluation.flow import evaluated_scope, external_sources, with_known_truths


def test_every_photo_is_in_one_split_and_every_truth_counted_once(predictions):
    made = predictions(
        [1, 0, None, 1, 0],
        [0.5] * 5,
        patient=["a", "a", "b", "c", "d"],
        split=["train", "train", "test", "test", None],
    )
    flow = flow_table(made).set_index("split")
    assert list(flow.index) == ["train", "test", "none"]
    assert flow["photos"].tolist() == [2, 2, 1]
    assert flow["patients"].tolist() == [1, 2, 1]
    assert (flow["positives"] + flow["negatives"] + flow["unknown"]).tolist() == flow["photos"].tolist()
    assert flow["unknown"].tolist() == [0, 1, 0]


def test_each_output_counts_its_own_unknown(predictions):
    made = predictions([1, None], [0.5, 0.5], truth_amd=[None, 0], probability_amd=[0.5, 0.5])
    flow = flow_table(made).set_index("output")
    assert flow.loc["dr", ["positives", "negatives", "unknown"]].tolist() == [1, 0, 1]
    assert flow.loc["amd", ["positives", "negatives", "unknown"]].tolist() == [0, 1, 1]


def test_photos_that_the_model_learned_from_are_told(predictions):
    columns = {"truth": [1, 0, 1, 0], "probability": [0.9, 0.1, 0.8, 0.3]}
    seen = evaluated_scope(predictions(**columns, in_training=[0, 1, 0, 0]))
    unseen = evaluated_scope(predictions(**columns, in_training=[0, 0, 0, 0]))
    untold = evaluated_scope(predictions(**columns, in_training=[0, 0, None, 0]))
    assert any("1 of the evaluated photos" in remark and "optimistic" in remark for remark in seen.remarks)
    assert any("None of the evaluated photos" in remark for remark in unseen.remarks)
    assert any("on trust" in remark for remark in untold.remarks)
    assert not any("on trust" in remark for remark in (*seen.remarks, *unseen.remarks))


@pytest.mark.parametrize(
    ("source", "seen", "expected"),
    [
        (["idrid", "hrf"], [0, 0], ("hrf", "idrid")),
        (["idrid", "odir5k"], [0, 0], ()),
        (["idrid", "idrid"], [0, 1], ()),
        (["idrid", None], [0, 0], ()),
    ],
)
def test_a_table_is_external_only_where_nothing_of_it_was_learned_from(predictions, source, seen, expected):
    table = predictions([1, 0], [0.9, 0.1], source=source, in_training=seen)
    assert external_sources(table, ["odir5k"]) == expected
    assert external_sources(table, []) == ()


def test_outputs_without_a_truth_in_scope_are_left_out_and_told(predictions):
    table = predictions([1, 0], [0.9, 0.1], split=["test", "train"]).table
    wide = validated_predictions(table.assign(truth_amd=[None, 1], probability_amd=0.5), "table")
    kept, remarks = with_known_truths(wide)
    assert kept.outputs == ("dr",) and "amd" in remarks[0]
    assert with_known_truths(wide.only(["dr"]))[1] == ()
    with pytest.raises(UserError, match="no truth is known of any output"):
        with_known_truths(wide.only(["amd"]))
