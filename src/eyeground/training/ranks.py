"""The processes of a training: those that torchrun or SLURM started, or those that Lightning starts for `machine.devices`."""

import hashlib
import os
from dataclasses import dataclass

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment
from lightning.pytorch.callbacks import Callback

from eyeground.config.training_recipe import Machine
from eyeground.errors import UserError


@dataclass(frozen=True)
class Processes:
    """How many processes train together: so many on each of so many machines."""

    on_each: int
    machines: int = 1

    @property
    def number(self) -> int:
        return self.on_each * self.machines


def processes_of(machine: Machine) -> Processes:
    """Those of the launcher, which `machine.devices` has no say in, or else those of the settings."""
    if TorchElasticEnvironment.detect():
        on_each = int(os.environ["LOCAL_WORLD_SIZE"])
        return Processes(on_each, int(os.environ["WORLD_SIZE"]) // on_each)
    if SLURMEnvironment.detect():
        machines = int(os.environ.get("SLURM_NNODES", "1"))
        return Processes(int(os.environ["SLURM_NTASKS"]) // machines, machines)
    return Processes(machine.devices)


def launcher_plugins() -> list[SLURMEnvironment]:
    """SLURM as it is, without Lightning's own checkpoints and requeueing, which know nothing of ours."""
    if SLURMEnvironment.detect() and not TorchElasticEnvironment.detect():
        return [SLURMEnvironment(auto_requeue=False)]
    return []


class SamePhotos(Callback):
    """Refuses to train where the processes do not see the same photos and truths in the same order.

    Args:
        content: What has to be equal.
    """

    def __init__(self, content: bytes) -> None:
        digest = hashlib.sha256(content).digest()
        self.code = int.from_bytes(digest[:7], "big")  # fits the tensor's 64 bits

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        codes = trainer.strategy.all_gather(torch.tensor(self.code, device=trainer.strategy.root_device)).unique()
        if len(codes) > 1:
            raise UserError(
                "the processes of this training see different photos or labels, so their steps would not fit together; give all of "
                "them the same manifest and shards, on a file system that they share"
            )
