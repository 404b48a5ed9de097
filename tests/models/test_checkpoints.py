"""No code in a checkpoint is run, and what cannot be read is an error with its fix."""

import argparse
import os
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from eyeground.errors import UserError
from eyeground.models.checkpoints import METADATA, read_checkpoint, read_origin


class Attack:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("hidden", [False, True])
def test_code_in_a_checkpoint_is_not_run(tmp_path: Path, zipped: bool, hidden: bool) -> None:
    attack = Attack(tmp_path / "ran")
    content = {"model": {"w": torch.zeros(2)}, "args": argparse.Namespace(lr=attack) if hidden else attack}
    torch.save(content, tmp_path / "file.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError, match=r"mkdir; reading it could run code.*torch\.save\(model\.state_dict"):
        read_checkpoint(tmp_path / "file.pth", ("model",))
    assert not (tmp_path / "ran").exists()
    torch.load(tmp_path / "file.pth", weights_only=False)
    assert (tmp_path / "ran").exists(), "the attack is real"


@pytest.mark.parametrize("zipped", [True, False])
def test_plain_settings_beside_the_weights_are_read_and_named(tmp_path: Path, zipped: bool) -> None:
    weights = OrderedDict(w=torch.arange(3.0), half=torch.ones(2, dtype=torch.float16))
    content = {"epoch": 3, "model": weights, "args": argparse.Namespace(lr=0.1, name="x")}
    torch.save(content, tmp_path / "file.pth", _use_new_zipfile_serialization=zipped)
    found = read_checkpoint(tmp_path / "file.pth", ("teacher", "model"))
    assert found.beside == ("epoch", "args")
    assert found.tensors.keys() == weights.keys() and all(
        torch.equal(found.tensors[name], weights[name]) for name in weights
    )


def test_weights_alone_are_read_whole(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1), "b": torch.nn.Parameter(torch.zeros(1))}, tmp_path / "file.pt")
    found = read_checkpoint(tmp_path / "file.pt", ("model",))
    assert set(found.tensors) == {"a", "b"} and not found.tensors["b"].requires_grad


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"net": {"w": torch.zeros(1)}, "epoch": 1},
            "no weights under 'teacher' or 'model'; the file holds 'net', 'epoch'",
        ),
        ({"model": {"w": 1.0}}, "'w' in 'model' is a float, not a tensor"),
        ([torch.zeros(1)], "holds a list, not a dictionary of tensors"),
        ({}, "the file holds nothing"),
    ],
)
def test_a_file_without_weights_where_expected_says_what_it_holds(
    tmp_path: Path, content: object, message: str
) -> None:
    torch.save(content, tmp_path / "file.pth")
    with pytest.raises(UserError, match=message):
        read_checkpoint(tmp_path / "file.pth", ("teacher", "model"))


@pytest.mark.parametrize("name", ["file.pth", "file.safetensors"])
def test_a_damaged_or_missing_file_is_a_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"no such (checkpoint|weights) file"):
        read_checkpoint(tmp_path / name, ("model",))
    torch.save({"a": torch.ones(5000)}, tmp_path / "whole")
    for content in (b"", b"not weights", (tmp_path / "whole").read_bytes()[:9000]):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match="not a readable"):
            read_checkpoint(tmp_path / name, ("model",))


def test_a_file_without_a_record_has_no_origin_and_a_strange_record_is_refused(tmp_path: Path) -> None:
    save_file({"a": torch.ones(1)}, tmp_path / "plain.safetensors", {"format": "pt"})
    assert read_origin(tmp_path / "plain.safetensors") is None
    save_file({"a": torch.ones(1)}, tmp_path / "strange.safetensors", {METADATA: '{"format": 2}'})
    with pytest.raises(UserError, match="record of origin is invalid"):
        read_origin(tmp_path / "strange.safetensors")
