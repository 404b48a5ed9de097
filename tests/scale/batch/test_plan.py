import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eyeground.errors import UserError
from eyeground.scale.batch.plan import OURS, photos_of, shard_of, write_plan


def table(names: list[str], stamp: str = "1") -> pa.Table:
    nothing = pa.nulls(len(names), pa.string())
    places = [f"/photos/{name}" for name in names]
    return pa.table([names, places, [stamp] * len(names), nothing, nothing], names=list(OURS))


def names(count: int) -> list[str]:
    return [f"{index * 7919 % count:06d}.jpg" for index in range(count)]


def test_shards_hold_every_photograph_once_sorted_by_name(tmp_path):
    plan = write_plan(table(names(5_000)), tmp_path / "plan.parquet", "settings")
    shards = range(len(plan.digests))
    planned = [photo.name for shard in shards for photo in photos_of(shard_of(plan.path, shard))]
    assert planned == sorted(names(5_000)) == [photo.name for photo in plan]
    assert sum(map(plan.rows_of, shards)) == plan.photos == 5_000
    assert [plan.rows_of(shard) for shard in shards] == [shard_of(plan.path, shard).num_rows for shard in shards]


def test_a_digest_changes_with_what_its_shard_depends_on_alone(tmp_path):
    def digests(rows: pa.Table, settings: str = "settings") -> tuple[str, ...]:
        return write_plan(rows, tmp_path / "plan.parquet", settings).digests

    before = digests(table(names(64)))
    assert digests(table(sorted(names(64)))) == before
    assert not set(digests(table(names(64)), "others")) & set(before)
    assert not set(digests(table(names(64), "2"))) & set(before)
    changed = table([*sorted(names(64))[:-1], "zzz.jpg"])
    assert digests(changed)[:-1] == before[:-1] and digests(changed)[-1] != before[-1]


def test_two_photographs_of_one_name_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"a\.jpg"):
        write_plan(table(["b.jpg", "a.jpg", "a.jpg"]), tmp_path / "plan.parquet", "")


def test_the_plan_of_very_many_is_read_a_shard_at_a_time(tmp_path):
    plan = write_plan(table(names(100_000)), tmp_path / "plan.parquet", "")
    assert pq.read_metadata(plan.path).num_row_groups == len(plan.digests) == 391
    assert not plan.with_patients()
