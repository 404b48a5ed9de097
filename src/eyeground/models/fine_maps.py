"""Feature maps finer than a backbone's last one, which the head sums too: a small lesion then has cells of its own.

See "Methods" in docs/explanation.md.
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from eyeground.errors import UserError

FINE_CHANNELS = 128


class FineMaps(nn.Module):
    """One layer of 1 x 1 convolutions on each of a backbone's finer feature maps.

    Args:
        backbone: From timm.
        name: Of the backbone, for errors.
        strides: Pixels per cell of the maps to take.

    Raises:
        UserError: If the backbone has no feature map of one of the strides.
    """

    def __init__(self, backbone: Any, name: str, strides: Sequence[int]) -> None:
        super().__init__()
        known = {
            int(stage["reduction"]): (place, int(stage["num_chs"])) for place, stage in enumerate(_stages(backbone))
        }
        missing = [stride for stride in strides if stride not in known]
        if missing:
            raise UserError(
                f"backbone '{name}' has no feature map of {missing[0]} px per cell, only of {', '.join(map(str, known)) or 'one size'}; "
                "change architecture.fine_strides"
            )
        self.stages = tuple(known[stride][0] for stride in strides)
        self.layers = nn.ModuleList(_layer(known[stride][1]) for stride in strides)

    @property
    def channels(self) -> int:
        """Channels of all maps together."""
        return FINE_CHANNELS * len(self.layers)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The backbone's maps of these stages, the finest first as timm gives them, to maps (n, 128, h, w), the finest last."""
        return tuple(layer(one) for layer, one in zip(self.layers, reversed(maps), strict=True))


def enlarged(features: Tensor, grid: tuple[int, int]) -> Tensor:
    """Maps (n, channels, h, w) on a grid a whole number of times finer, each cell repeated, so that the mean is kept."""
    for axis, cells in zip((2, 3), grid, strict=True):
        times = cells // int(features.shape[axis])
        if times > 1:
            features = features.repeat_interleave(times, dim=axis)
    return features


def nest(maps: Sequence[Tensor]) -> bool:
    """Whether each map's grid is a whole number of times coarser than the finest one's."""
    rows, columns = zip(*(one.shape[-2:] for one in maps), strict=True)
    return all(max(cells) % coarser == 0 for cells in (rows, columns) for coarser in cells)


def _stages(backbone: Any) -> list[dict[str, Any]]:
    """What timm says of a backbone's stages; of a plain vision transformer nothing that is of use here."""
    info = getattr(backbone, "feature_info", None) if hasattr(backbone, "forward_intermediates") else None
    stages = [dict(stage) for stage in info or ()]
    return stages if all("num_chs" in stage and "reduction" in stage for stage in stages) else []


def _layer(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, FINE_CHANNELS, 1, bias=False), nn.BatchNorm2d(FINE_CHANNELS), nn.ReLU())
