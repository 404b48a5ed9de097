"""Which processes train together, as torchrun, SLURM and the settings say."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from eyeground.config.training_recipe import Machine
from eyeground.core.machine import process_rank
from eyeground.errors import UserError
from eyeground.training.ranks import Processes, SamePhotos, launcher_plugins, processes_of

TORCHRUN = {"TORCHELASTIC_RUN_ID": "a", "RANK": "5", "LOCAL_RANK": "1", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"}
SLURM = {
    "SLURM_NTASKS": "6",
    "SLURM_NTASKS_PER_NODE": "3",
    "SLURM_NNODES": "2",
    "SLURM_PROCID": "4",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "1",
    "SLURM_JOB_NAME": "train",
}


@pytest.mark.parametrize(
    ("variables", "processes", "rank"),
    [
        ({}, Processes(3), 0),
        ({"LOCAL_RANK": "2"}, Processes(3), 2),  # one that Lightning started
        (TORCHRUN, Processes(4, 2), 5),
        (SLURM, Processes(3, 2), 4),
        (SLURM | TORCHRUN, Processes(4, 2), 5),  # torchrun within a job
        ({"RANK": "1", "WORLD_SIZE": "2"}, Processes(3), 0),  # of something else
    ],
)
def test_the_launcher_says_which_processes_there_are(
    variables: dict[str, str], processes: Processes, rank: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert processes_of(Machine(devices=3)) == processes
    assert process_rank() == rank


def test_lightning_neither_requeues_nor_saves_a_slurm_job_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert launcher_plugins() == []
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    [plugin] = launcher_plugins()
    assert plugin.auto_requeue is False


def trainer_beside(others: list[SamePhotos]) -> Any:
    """What `SamePhotos` uses of a trainer whose other processes have these."""

    def all_gather(own: torch.Tensor) -> torch.Tensor:
        return torch.stack([own, *(torch.tensor(other.code) for other in others)])

    return SimpleNamespace(strategy=SimpleNamespace(all_gather=all_gather, root_device=torch.device("cpu")))


def test_processes_that_see_other_photos_do_not_train_together() -> None:
    same = SamePhotos(b"photos")
    same.on_train_start(trainer_beside([SamePhotos(b"photos")]), None)
    with pytest.raises(UserError, match="see different photos or labels"):
        same.on_train_start(trainer_beside([SamePhotos(b"photos"), SamePhotos(b"others")]), None)
