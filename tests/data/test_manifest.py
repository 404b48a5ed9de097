"""The manifest: what is read is what was written, and what is wrong is named with its place and its fix."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyeground.data.manifest import Manifest, read_manifest, validated, write_manifest
from eyeground.errors import UserError


def manifest_of(folder: Path, content: str, name: str = "labels.csv") -> Manifest:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content, encoding="utf-8")
    return read_manifest(folder / name)


def error_of(folder: Path, content: str) -> str:
    with pytest.raises(UserError) as caught:
        manifest_of(folder, content)
    return str(caught.value).replace(f"{folder}/", "")


def cells(manifest: Manifest, column: str) -> list[object]:
    return [None if pd.isna(cell) else cell for cell in manifest.table[column]]


names = st.text("abcXYZ019_-é", min_size=1, max_size=6).filter(lambda word: word.lower() not in ("na", "nan"))


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Any valid manifest, with identifiers that look like numbers and cells that are missing."""
    count = draw(st.integers(1, 12))

    def column(cell: st.SearchStrategy[object]) -> list[object]:
        return draw(st.lists(st.none() | cell, min_size=count, max_size=count))

    patients = draw(st.lists(st.sampled_from(["007", "7", "1e3", "p 1", "0"]), min_size=count, max_size=count))
    splits = {
        patient: draw(st.none() | st.sampled_from(["train", "validation", "test"])) for patient in sorted(set(patients))
    }
    return pd.DataFrame(
        {
            "photo": [f"photos/{number:03d}.jpg" for number in range(count)],
            "patient": patients,
            "eye": column(st.sampled_from(["left", "right"])),
            "split": [splits[patient] for patient in patients],
            "age": column(st.integers(0, 260).map(lambda half: half / 2)),
            "abnormal": column(st.sampled_from([0, 1])),
            "grade": column(st.integers(0, 999)),
            "finding": column(st.sampled_from(["none", "mild", "quoted, comma", "Ödem"])),
            "mask_disc": column(names.map(lambda name: f"masks/{name}.png")),
            "note_comment": column(names),
        }
    )


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@settings(max_examples=15)
@given(table=tables())
def test_a_manifest_survives_the_round_trip(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, table: pd.DataFrame
) -> None:
    folder = tmp_path_factory.mktemp("manifest")
    manifest = validated(table, "table", folder)
    write_manifest(manifest, folder / f"labels{suffix}")
    back = read_manifest(folder / f"labels{suffix}")
    pd.testing.assert_frame_equal(back.table, manifest.table)
    assert back.labels == ("abnormal", "grade", "finding")
    assert back.fingerprint() == manifest.fingerprint()


@settings(max_examples=12)
@given(table=tables(), data=st.data())
def test_the_fingerprint_depends_on_content_and_not_on_order(table: pd.DataFrame, data: st.DataObject) -> None:
    rows = data.draw(st.permutations(range(len(table))))
    columns = data.draw(st.permutations(list(table.columns)))
    fingerprint = validated(table, "table").fingerprint()
    assert validated(table.iloc[rows][columns], "table").fingerprint() == fingerprint
    changed = table.assign(abnormal=table["abnormal"].map(lambda cell: 1 - cell if pd.notna(cell) else 0))
    assert validated(changed, "table").fingerprint() != fingerprint


def test_leading_zeros_of_a_patient_stay(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, "photo,patient\na.jpg,007\nb.jpg,7\n")
    assert cells(manifest, "patient") == ["007", "7"]
    assert manifest.patients == 2


def test_an_empty_label_is_unknown_and_not_negative(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, "photo,patient,glaucoma\na.jpg,1,1\nb.jpg,2,\nc.jpg,3,0\n")
    assert cells(manifest, "glaucoma") == [1, None, 0]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1.0 0.0", [1, 0]),
        ("True False", [1, 0]),
        ("TRUE false", [1, 0]),
        ("mild none", ["mild", "none"]),
        ("03 12", [3, 12]),
    ],
)
def test_a_label_is_a_number_or_a_name_however_it_is_written(tmp_path: Path, written: str, read: list[object]) -> None:
    one, other = written.split()
    assert cells(manifest_of(tmp_path, f"photo,patient,label\na.jpg,1,{one}\nb.jpg,2,{other}\n"), "label") == read


def test_typed_parquet_columns_are_read_as_their_text_would_be(tmp_path: Path) -> None:
    pd.DataFrame(
        {
            "photo": pd.Categorical(["a.jpg", "b.jpg"]),
            "patient": [7.0, 8.0],
            "eye": pd.Categorical(["left", None]),
            "age": pd.Categorical(["50", None]),
            "abnormal": [True, False],
            "grade": pd.Categorical([0, 1]),
            "glaucoma": [1.0, None],
        }
    ).to_parquet(tmp_path / "labels.parquet")
    typed = read_manifest(tmp_path / "labels.parquet")
    text = manifest_of(
        tmp_path,
        "photo,patient,eye,age,abnormal,grade,glaucoma\na.jpg,7,left,50,1,0,1\nb.jpg,8,,,0,1,\n",
    )
    pd.testing.assert_frame_equal(typed.table, text.table)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "photo,patient,eye\na.jpg,1,left\n\nb.jpg,2,OU\n",
            "labels.csv, row 4: 'eye' is 'OU'; expected 'left', 'right' or empty",
        ),
        (
            "photo,patient,eye\na.jpg,1,lefft\n",
            "row 2: 'eye' is 'lefft'; expected 'left', 'right' or empty (did you mean 'left'?)",
        ),
        ("photo,patient,split\na.jpg,1,vaildation\n", "(did you mean 'validation'?)"),
        ("photo,patient,sex\na.jpg,1,NaN\n", "row 2: 'sex' is 'NaN'; leave the cell empty"),
        ("photo,patient\na.jpg,2.02311E+13\n", "row 2: 'patient' is a number that a spreadsheet shortened"),
        ("photo,patient\na.jpg,2023-01-02 00:00:00\n", "row 2: 'patient' is a date"),
        (
            "photo,patient,dx\na.jpg,1,DR\nb.jpg,2,dr \n",
            "row 3: label 'dx' has 'DR' and 'dr'; write a class in one way",
        ),
        ("photo,patient,dx\na.jpg,1,D R\nb.jpg,2,DR\n", "label 'dx' has 'D R' and 'DR'"),
        ("photo,patient,age\na.jpg,1,old\n", "row 2: 'age' is 'old'; expected years between 0 and 130 or empty"),
        ("photo,patient,age\na.jpg,1,inf\n", "row 2: 'age' is 'inf'"),
        ("photo,patient,fold\na.jpg,1,0.5\n", "row 2: 'fold' is '0.5'; expected a whole number from 0 or empty"),
        ("photo,patient\n,1\n", "row 2: 'photo' is empty; every photograph needs one"),
        ("photo,patient\na.jpg,nan\n", "row 2: 'patient' is 'nan'; every photograph needs one"),
        ("photo,patient\na.jpg,None\n", "row 2: 'patient' is 'None'; every photograph needs one"),
        ("photo,patient\nfolder\\a.jpg,1\n", "write folders with '/'"),
        ("photo,patient\na\x00.jpg,1\n", "which holds a control character"),
        (
            "photo,patient\na.jpg,1\n./a.jpg,1\n",
            "row 3: 'photo' is 'a.jpg', as in an earlier row; keep one row per photograph",
        ),
        (
            "photo,patient,dr\na.jpg,1,1\nb.jpg,2,NA\n",
            "row 3: label 'dr' is 'NA'; leave the cell empty where 'dr' is unknown",
        ),
        ("photo,patient,dr\na.jpg,1,mild\nb.jpg,2,nan\n", "row 3: label 'dr' is 'nan'; leave the cell empty"),
        (
            "photo,patient,dr\na.jpg,1,1\nb.jpg,2,-1\n",
            "row 3: label 'dr' is '-1'; expected a whole number from 0 to 999",
        ),
        ("photo,patient,dr\na.jpg,1,1\nb.jpg,2,inf\n", "row 3: label 'dr' is 'inf'"),
        ("photo,patient,width\na.jpg,1,2048\n", "If 'width' is no label, rename it 'note_width'"),
        ("photo,patient,dr\na.jpg,1,1\nb.jpg,2,mild\n", "row 3: label 'dr' is 'mild'; expected a whole number"),
        ("photo,patient,dr\na.jpg,1,1\nb.jpg,2,mild\nc.jpg,3,no\n", "row 2: label 'dr' is '1'; expected a class name"),
        (
            "photo,patient,split\na.jpg,1,train\nb.jpg,1,test\n",
            "row 3: a patient is in another 'split' than in an earlier row",
        ),
        ("photo,patient,fold\na.jpg,1,0\nb.jpg,1,1\n", "row 3: a patient is in another 'fold'"),
        ("photo,patient\n", "labels.csv: the table has no rows"),
        (
            "photo,pateint,Eye\n",
            "labels.csv: there is a column 'Eye'; rename it to 'eye'\nlabels.csv: the table has no rows",
        ),
        ("Photo,patient\na.jpg,1\n", "there is no column 'photo'; rename 'Photo' to 'photo'"),
        ("image_path,patient\na.jpg,1\n", "rename 'image_path' to 'photo'"),
        ("photo,pateint\na.jpg,1\n", "there is no column 'patient' (did you mean 'pateint'?)"),
        ("photo,patient,Split\na.jpg,1,train\n", "there is a column 'Split'; rename it to 'split'"),
        (",photo,patient\n0,a.jpg,1\n", "column 1 has no name; name it in the first row, or remove it"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_its_fix(tmp_path: Path, content: str, message: str) -> None:
    assert message in error_of(tmp_path, content)


def test_the_same_mistake_in_many_rows_is_one_line_with_a_count(tmp_path: Path) -> None:
    rows = "".join(f"{number}.jpg,{number},OU,old{number}\n" for number in range(1500))
    lines = error_of(tmp_path, "photo,patient,eye,age\n" + rows).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("labels.csv, row 2 (and 1,499 more rows): 'eye' is 'OU'")
    assert lines[1].startswith("labels.csv, row 2 (and 1,499 more rows): 'age' is 'old0'")


def test_ten_problems_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    lines = error_of(
        tmp_path, f"photo,patient,{','.join(f'dr{one}' for one in range(25))}\na.jpg,1{',NA' * 25}\n"
    ).splitlines()
    assert len(lines) == 11
    assert lines[-1] == "… and 15 more problems"


def test_no_patient_identifier_is_in_an_error(tmp_path: Path) -> None:
    secret = "Mustermann-1950"
    assert secret not in error_of(tmp_path, f"photo,patient,split\na.jpg,{secret},train\nb.jpg,{secret},test\n")


def test_the_rows_of_a_split_are_those_and_no_others(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, "photo,patient,split\na.jpg,1,train\nb.jpg,2,\nc.jpg,3,test\n")
    assert cells(manifest.in_split("test"), "photo") == ["c.jpg"]
    assert len(manifest.in_split("validation")) == 0
    with pytest.raises(UserError, match="did you mean 'validation'"):
        manifest.in_split("valid")
    with pytest.raises(UserError, match="no 'split' column"):
        manifest_of(tmp_path, "photo,patient\na.jpg,1\n").in_split("train")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "1.0"),
        ("ab-01", "AB-01"),
        ("P7", "P7\u200b"),
        ("\ufeffP7", "P7 "),
        ("a\u201301", "a-01"),
        ("７", "7"),
        ("p  1", "P 1"),
    ],
)
def test_a_patient_is_one_however_the_identifier_is_typed(tmp_path: Path, one: str, other: str) -> None:
    manifest = manifest_of(tmp_path, f"photo,patient\na.jpg,{one}\nb.jpg,{other}\n")
    assert manifest.patients == 1
    assert "taken for the same" in manifest.remarks[0]
    turned = manifest_of(tmp_path, f"photo,patient\nb.jpg,{other}\na.jpg,{one}\n")
    assert turned.fingerprint() == manifest.fingerprint()


@pytest.mark.parametrize(("one", "other"), [("007", "7"), ("1.5", "15"), ("a-1", "a1"), ("1e3", "1000"), ("é1", "e1")])
def test_identifiers_that_can_be_seen_to_differ_are_two_patients(tmp_path: Path, one: str, other: str) -> None:
    manifest = manifest_of(tmp_path, f"photo,patient\na.jpg,{one}\nb.jpg,{other}\n")
    assert manifest.patients == 2
    assert not manifest.remarks


def test_words_of_other_programs_are_read(tmp_path: Path) -> None:
    manifest = manifest_of(
        tmp_path,
        "photo,patient,eye,sex,split,age,dr,glaucoma\n"
        "a.jpg,1,OD,F,val,061Y,yes\u200b,1\nb.jpg,2,rechts,m,dev,64y,No,0\n"
        "c.jpg,3,L,intersex,Training,018M,Y,true\nd.jpg,4,Left Eye,,testing,54.5,n,\n",
    )
    assert cells(manifest, "eye") == ["right", "right", "left", "left"]
    assert cells(manifest, "sex") == ["female", "male", "intersex", None]
    assert cells(manifest, "split") == ["validation", "validation", "train", "test"]
    assert cells(manifest, "age") == [61, 64, 1.5, 54.5]
    assert cells(manifest, "dr") == [1, 0, 1, 0]
    assert cells(manifest, "glaucoma") == [1, 0, 1, None]


def test_a_column_that_is_not_needed_passes_through(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("photo,patient,split,age,dx,Eye\na.jpg,1,train,n.k.,DR,\nb.jpg,1,part 2,3,dr,\n")
    manifest = read_manifest(path, needs=())
    assert cells(manifest, "split") == ["train", "part 2"]
    assert cells(manifest, "age") == ["n.k.", "3"]
    assert cells(manifest, "dx") == ["DR", "dr"]
    assert [remark.split("'")[1] for remark in manifest.remarks] == ["split", "age", "dx"]
    with pytest.raises(UserError) as caught:
        read_manifest(path, needs=("split", "dx"))
    assert str(caught.value).count("\n") == 1


def test_one_mistake_hides_no_other(tmp_path: Path) -> None:
    found = error_of(
        tmp_path, "photo,pateint,Split,eye,dr,dx,\na.jpg,1,train,OU,NA,A,x\na.jpg,1,train,OU,1,a,\nb.jpg,2,,,mild,A,\n"
    )
    for part in ("'patient'", "'Split'", "column 7", "'OU'", "'NA'", "'A' and 'a'", "'a.jpg', as in", "'mild'"):
        assert part in found
