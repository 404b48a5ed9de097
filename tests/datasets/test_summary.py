"""What is printed of a manifest."""

import io
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from eyeground.datasets import read_labelled_table, summary


def test_summary_counts_positive_negative_unknown_classes_splits_and_absent_photos(put: Callable[..., Path]) -> None:
    folder = put(
        (
            "list.csv",
            "file,id,half,glaucoma,kind\n1.jpg,a,train,1,x\n2.jpg,b,test,0,y\n3.jpg,c,test,,[z]\n4.jpg,d,test,1,x\n",
        ),
        "1.jpg",
        "2.jpg",
        "3.jpg",
    )
    reading = read_labelled_table(
        folder / "list.csv", {"photo": "file", "patient": "id", "split": "half"}, ["glaucoma", "kind"]
    )
    console = Console(record=True, width=200, file=io.StringIO())
    summary(reading, console)
    text = console.export_text()
    assert "3 photos of 3 patients; eyes: unknown" in text
    assert "2 test, 1 train" in text
    assert next(line for line in text.splitlines() if line.startswith("glaucoma")).split()[1:] == ["1", "1", "1"]
    assert "[z]: 1, x: 1, y: 1" in text
    assert "1 photos are listed but not in" in text and "4.jpg" in text
