"""Where the photos went."""

from eyeground.evaluation import flow_table


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
