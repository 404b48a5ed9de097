"""A PostgreSQL of Debian in a temporary folder, run by an unprivileged user and reached by a socket alone; for tests."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DEBIAN = Path("/usr/lib/postgresql/15/bin")


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL of our own, without a port; `url` is SQLAlchemy's."""

    folder: Path
    url: str

    def control(self, *what: str) -> None:
        """Run pg_ctl."""
        options = ["-D", str(self.folder / "data"), "-l", str(self.folder / "log"), "-w", *what]
        subprocess.run([*_unprivileged(), DEBIAN / "pg_ctl", *options], check=True, stdout=subprocess.DEVNULL)

    def stop_and_start(self) -> None:
        """Stop it as a crash does, and start it again a moment later."""
        self.control("-m", "immediate", "stop")
        time.sleep(1.5)
        self.start()

    def start(self) -> None:
        self.control("-o", f"-c listen_addresses='' -k {self.folder}", "start")


def _unprivileged() -> list[str]:
    """PostgreSQL refuses to run as root."""
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []


@contextmanager
def postgres_cluster() -> Iterator[Cluster]:
    """Debian's PostgreSQL 15 in a temporary folder; it must be installed."""
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path must be short
    cluster = Cluster(folder, f"postgresql+psycopg://eyeground@/eyeground?host={folder}")
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        initialise = [
            DEBIAN / "initdb",
            "-D",
            folder / "data",
            "-A",
            "trust",
            "-U",
            "eyeground",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        subprocess.run([*_unprivileged(), *initialise, "--locale=C"], check=True, stdout=subprocess.DEVNULL)
        cluster.start()
        subprocess.run(
            [*_unprivileged(), DEBIAN / "createdb", "-h", folder, "-U", "eyeground", "eyeground"], check=True
        )
        yield cluster
        cluster.control("-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
