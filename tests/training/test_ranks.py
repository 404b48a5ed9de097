"""Which processes train together, as torchrun, SLURM and the settings say."""

import pytest

from eyeground.config.training_recipe import Machine
from eyeground.core.machine import process_rank
from eyeground.training.ranks import Processes, launcher_plugins, processes_of

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
