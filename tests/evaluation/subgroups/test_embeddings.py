"""An embeddings table is read as written, and what is wrong with one is told with its place."""

import numpy as np
import pandas as pd
import pytest

from eyeground.errors import UserError
from eyeground.evaluation.subgroups.embeddings import read_embeddings


@pytest.fixture
def table():
    values = np.random.default_rng(0).normal(size=(3, 12)).astype(np.float32)
    return pd.DataFrame(values, columns=[f"e{number}" for number in range(12)]).assign(
        photo=["a", "b", "c"], patient="p"
    )


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_components_come_back_in_numerical_order(table, tmp_path, kind):
    path = tmp_path / f"embeddings.{kind}"
    shuffled = table[sorted(table.columns)]  # e0, e1, e10, e11, e2
    shuffled.to_parquet(path) if kind == "parquet" else shuffled.to_csv(path, index=False)
    read = read_embeddings(path)
    assert list(read.columns) == ["photo", *[f"e{number}" for number in range(12)]]
    np.testing.assert_allclose(read.drop(columns="photo"), table.drop(columns=["photo", "patient"]), rtol=1e-6)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda table: table.drop(columns="photo"), "no column 'photo'"),
        (lambda table: table[["photo"]], "no columns 'e0', 'e1'"),
        (lambda table: table.drop(columns="e3"), "a column 'e11' but no 'e3'"),
        (lambda table: table.assign(photo=["a", "b", "a"]), "photo 'a' has more than one row"),
        (lambda table: table.assign(photo=["a", None, "c"]), "row 3: 'photo' is empty"),
        (lambda table: table.assign(e4=[0.0, 1.0, np.inf]), "row 4: 'e4' is no finite number"),
        (lambda table: table.assign(e4=["0", "x", "1"]), "row 3: 'e4' is no finite number"),
    ],
)
def test_mistakes_are_told_with_their_place(table, tmp_path, damage, message):
    path = tmp_path / "embeddings.parquet"
    damage(table).to_parquet(path)
    with pytest.raises(UserError, match=message):
        read_embeddings(path)
