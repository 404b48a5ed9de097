"""The queue on both databases: order, leases, and that nothing is done twice or lost."""

import threading
from collections import Counter
from datetime import timedelta

from sqlalchemy import select, update

from eyeground.serving import queue
from eyeground.serving.store.database import Store
from eyeground.serving.store.tables import PENDING, Batch, Job, Photo, now


def add(store: Store, name: str, priority: int = 0, batch: str | None = None) -> None:
    with store.write() as session:
        session.add(Photo(id=name, space="clinic", content=name, name=name, size=1, batch_id=batch))
        session.flush()
        queue.enqueue(session, name, priority)


def take(store: Store, worker: str = "w") -> queue.Claimed | None:
    with store.write() as session:
        return queue.claim(session, worker)


def taken(store: Store, worker: str = "w") -> str | None:
    claimed = take(store, worker)
    return None if claimed is None else claimed.photo_id


def test_the_pressing_come_first_then_the_oldest(store: Store) -> None:
    for name, priority in (("a", 0), ("b", 20), ("c", 0), ("d", 20)):
        add(store, name, priority)
    with store.read() as session:
        assert [queue.ahead_of(session, name) for name in "abcd"] == [2, 0, 3, 1]
    assert [taken(store) for _ in range(5)] == ["b", "d", "a", "c", None]


def test_a_job_whose_lease_has_ended_is_taken_again_behind_those_with_fewer_attempts(store: Store) -> None:
    for name in "ab":
        add(store, name)
    assert taken(store, "dead") == "a"
    with store.write() as session:
        session.execute(update(Job).where(Job.photo_id == "a").values(lease_until=now() - timedelta(seconds=1)))
    assert [taken(store), taken(store), taken(store)] == ["b", "a", None]


def test_a_renewed_lease_is_kept(store: Store) -> None:
    add(store, "a")
    take(store)
    with store.write() as session:
        session.execute(update(Job).values(lease_until=now() + timedelta(seconds=1)))
        queue.renew(session, "another")
        assert session.scalar(select(Job.lease_until)) < now() + queue.LEASE / 2  # type: ignore[operator]
        queue.renew(session, "w")
        session.expire_all()
        assert session.scalar(select(Job.lease_until)) > now() + queue.LEASE / 2  # type: ignore[operator]


def test_only_who_has_a_job_ends_it(store: Store) -> None:
    add(store, "a")
    lost = take(store, "slow")
    assert lost is not None
    with store.write() as session:
        assert queue.release_all(session) == 1
    again = take(store, "fast")
    assert again is not None
    assert again.attempts == 2
    with store.write() as session:
        assert not queue.finish(session, lost, "slow")
        assert queue.finish(session, again, "fast")
        assert not queue.finish(session, again, "fast")
        assert queue.waiting(session) == 0


def test_an_attempt_that_failed_for_the_disk_does_not_count(store: Store) -> None:
    add(store, "a")
    for counted, attempts in ((False, 1), (True, 1), (True, 2)):
        claimed = take(store)
        assert claimed is not None
        assert claimed.attempts == attempts
        with store.write() as session:
            queue.put_back(session, claimed, "w", counted)


def test_a_transaction_that_fails_leaves_the_job(store: Store) -> None:
    add(store, "a")
    claimed = take(store)
    assert claimed is not None
    try:
        with store.write() as session:
            queue.finish(session, claimed, "w")
            raise RuntimeError("the machine stops here")
    except RuntimeError:
        pass
    with store.read() as session:
        assert queue.waiting(session) == 1


def test_cancelling_takes_what_waits_and_what_is_in_hand(store: Store) -> None:
    with store.write() as session:
        session.add(Batch(id="b", space="clinic"))
    for name in ("a", "c"):
        add(store, name, batch="b")
    add(store, "other")
    in_hand = take(store)
    assert in_hand is not None
    with store.write() as session:
        assert sorted(queue.cancel(session, "b")) == ["a", "c"]
        assert not queue.finish(session, in_hand, "w")
        assert session.scalar(select(Photo.id).where(Photo.state == PENDING)) == "other"
    assert taken(store) == "other"


def test_workers_at_the_same_time_take_every_job_once(store: Store) -> None:
    for number in range(40):
        add(store, f"{number}")
    done: list[str] = []

    def work(worker: str) -> None:
        while (claimed := take(store, worker)) is not None:
            with store.write() as session:
                assert queue.finish(session, claimed, worker)
            done.append(str(claimed.photo_id))

    threads = [threading.Thread(target=work, args=(f"{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as session:
        assert queue.waiting(session) == 0
    assert Counter(done) == Counter(f"{number}" for number in range(40))
