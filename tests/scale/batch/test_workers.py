"""A real Ray cluster of two machines on loopback: workers and machines that die lose no photograph and double none."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from eyeground.cli import main
from eyeground.errors import UserError
from eyeground.scale.batch.screen import Options, screen_at_scale
from eyeground.screening.batch import screen

pytestmark = pytest.mark.scale
pytest.importorskip("ray", reason="NO RAY: workers are not tested; pip install 'eyeground[scale]'")


@pytest.fixture(scope="module")
def two_machines() -> Iterator[Any]:
    import ray
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        sources = str(Path(__file__).parents[3] / "src")
        patch.setenv("PYTHONPATH", os.pathsep.join([sources, os.environ.get("PYTHONPATH", "")]))
        machine = {"num_cpus": 1, "object_store_memory": 2**27, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=machine)
        cluster.add_node(num_cpus=1, object_store_memory=2**27)
        yield cluster
        ray.shutdown()
        cluster.shutdown()


def workers() -> list[psutil.Process]:
    """The decoder processes of Ray's workers; other tests of this process may have left one that is its own child."""
    family = psutil.Process().children(recursive=True)
    decoders = [one for one in family if "decoder_process" in " ".join(one.cmdline()) and one.is_running()]
    return [one for one in decoders if one.ppid() != os.getpid()]


def test_a_killed_worker_and_a_lost_machine_change_no_row(two_machines, photos, screener, tmp_path, monkeypatch):
    monkeypatch.setattr("eyeground.scale.batch.plan.FEWEST_ROWS", 1)
    two_machines.wait_for_nodes()
    second = two_machines.add_node(num_cpus=1, object_store_memory=2**27)

    def kill() -> None:
        while not (found := workers()) or len(list((tmp_path / "out" / "ledger").glob("*.parquet"))) < 2:
            time.sleep(0.05)
        os.kill(found[0].ppid(), signal.SIGKILL)
        two_machines.remove_node(second, allow_graceful=False)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    options = Options(bundle=str(screener.bundle.folder))
    screened = screen_at_scale([str(photos)], screener, str(tmp_path / "out"), two_machines.address, options)
    killer.join()
    assert screened.photos == 20 and screened.finished_before == 0
    one = screen(photos, screener, tmp_path / "one", jobs=1, overlays="none", report=False)
    expected = pd.read_parquet(one.output_folder / "results.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out" / "results"), expected, check_exact=True)


def test_the_command_line_screens_on_a_cluster_and_continues(two_machines, photos, bundle, tmp_path, capsys):
    command = ["screen", str(photos), "--bundle", str(bundle.folder), "-o", str(tmp_path / "out")]
    command += ["--ray", two_machines.address]
    assert main(command) == 0
    assert "summary.html" in capsys.readouterr().out
    shard = min((tmp_path / "out" / "ledger").iterdir())
    shard.unlink()
    assert main(command) == 0
    assert "4 of them before" in " ".join(capsys.readouterr().out.split())
    assert main([*command, "--dicom-out", str(tmp_path / "dicom")]) == 2
    assert "--dicom-out" in capsys.readouterr().err


def test_what_is_wrong_on_a_worker_is_one_sentence(two_machines, photos, screener, tmp_path):
    options = Options(bundle=str(screener.bundle.folder.with_name("nowhere")))
    with pytest.raises(UserError, match="nowhere"):
        screen_at_scale([str(photos)], screener, str(tmp_path / "out"), two_machines.address, options)


def test_a_cluster_that_is_not_there_is_one_sentence(photos, screener, tmp_path):
    options = Options(bundle=str(screener.bundle.folder))
    with pytest.raises(UserError, match="no Ray cluster"):
        screen_at_scale([str(photos)], screener, str(tmp_path / "out"), "127.0.0.1:9", options)
