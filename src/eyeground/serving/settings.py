"""The settings of a service: where its data are, and its limits."""

from dataclasses import dataclass
from pathlib import Path

from eyeground.imaging.limits import MOST_BYTES

LOOPBACK = ("127.0.0.1", "localhost", "::1")
INTERACTIVE, ROUTINE, BULK = 20, 10, 0  # priorities


@dataclass(frozen=True)
class Limits:
    """What a service accepts.

    Attributes:
        photo_bytes: Of one photograph.
        archive_bytes, archive_files: Of one archive, packed.
        expansion, free_expansion: How many times its size an archive may unpack to, and to how many bytes any may.
        queue: Photographs that may wait; more are refused until some are done.
        free_bytes: Space that must be left on the disk.
        slowest: Bytes per second below which a body is given up, after `patience` seconds.
    """

    photo_bytes: int = MOST_BYTES
    archive_bytes: int = 2 * 2**30
    archive_files: int = 10_000
    expansion: int = 100
    free_expansion: int = 2**30
    queue: int = 10_000
    free_bytes: int = 2**30
    slowest: int = 10_000
    patience: float = 20.0


@dataclass(frozen=True)
class ServiceSettings:
    """What a service is started with.

    Attributes:
        data: Its folder; nothing is written elsewhere.
        database: SQLAlchemy URL; by default a SQLite file in `data`.
        bundle, operating_point: The model, and which of its rules decides; by default those of `eyeground screen`.
        host, port: Where it listens.
        hosts: Further names under which browsers may call it.
        keep_originals: Whether files stay after they were screened.
        retention_days: Age at which photographs are deleted; None for never.
        certificate, key: PEM files for TLS.
        behind_proxy: Whether a proxy in front ends TLS and sets X-Forwarded-For and -Proto.
        structures: Whether disc, vessels and lesions are drawn, as layers for the finding page, while nothing waits.
        jobs: Photographs that are screened at the same time; by default one per core.
    """

    data: Path
    database: str | None = None
    bundle: str | None = None
    operating_point: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    hosts: tuple[str, ...] = ()
    keep_originals: bool = False
    retention_days: int | None = None
    certificate: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False
    structures: bool = True
    jobs: int | None = None
    limits: Limits = Limits()

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in LOOPBACK and not self.behind_proxy

    @property
    def url(self) -> str:
        """Of the database."""
        return self.database or f"sqlite:///{self.data.absolute() / 'eyeground.db'}"
