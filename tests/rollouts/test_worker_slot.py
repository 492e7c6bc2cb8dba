"""A worker that is away rests longer each time and is replaced; time is an argument, so nothing waits here."""

from __future__ import annotations

from understudy.rollouts.worker_slot import Patience, Slot

PATIENCE = Patience(first_rest_s=1.0, longest_rest_s=8.0, replace_after_s=20.0, n_failed_starts=3)


class Counting:
    """A cluster whose workers are numbers and whose questions are counted."""

    def __init__(self) -> None:
        self.started: list[int] = []
        self.ended: list[int] = []
        self.n_asked = 0

    def start(self) -> int:
        self.started.append(len(self.started))
        return self.started[-1]

    def ask(self, worker: int) -> str:
        self.n_asked += 1
        return f"question {self.n_asked} to {worker}"

    def end(self, worker: int) -> None:
        self.ended.append(worker)


def ready_slot() -> tuple[Counting, Slot]:
    cluster = Counting()
    slot = Slot(cluster, PATIENCE)
    slot.wake(0.0)
    assert not slot.is_ready
    assert slot.check == "question 1 to 0"
    slot.ready()
    assert slot.is_ready
    return cluster, slot


def rests(slot: Slot, now: float) -> float:
    """Report the worker as unavailable, let it rest, ask it; return how long it rested."""
    slot.unavailable(now)
    assert not slot.is_ready
    rested = slot.wakes_at - now
    slot.wake(slot.wakes_at - 0.01)
    assert slot.check is None, "not asked before its rest is over"
    slot.wake(slot.wakes_at)
    return rested


def test_it_rests_longer_each_time_until_it_has_finished_an_attempt() -> None:
    cluster, slot = ready_slot()
    rested = []
    for now in range(0, 600, 100):
        rested.append(rests(slot, now))
        slot.ready()
    assert rested == [1, 2, 4, 8, 8, 8]
    slot.finished_attempt()
    assert rests(slot, 600.0) == 1
    assert cluster.started == [0], "the same worker all along"


def test_many_attempts_that_report_the_same_make_one_rest() -> None:
    _, slot = ready_slot()
    for _ in range(50):
        slot.unavailable(10.0)
    assert slot.wakes_at == 11.0


def test_one_that_stays_away_is_replaced() -> None:
    cluster, slot = ready_slot()
    now = 0.0
    while not cluster.ended:
        slot.unavailable(now)
        now = slot.wakes_at
        slot.wake(now)
        assert now < 60
    assert now >= PATIENCE.replace_after_s
    assert (cluster.ended, cluster.started) == ([0], [0, 1])
    assert slot.replaced == 0, "so that its attempts are not blamed"
    slot.ready()
    assert slot.worker == 1


def test_one_that_died_is_replaced_at_once_but_not_in_a_hot_loop() -> None:
    cluster, slot = ready_slot()
    times = []
    for _ in range(5):
        slot.died(100.0)
        times.append(slot.wakes_at - 100.0)
        slot.wake(slot.wakes_at)
        slot.ready()
    assert times == [0, 1, 2, 4, 8]
    assert slot.replaced is None, "these died by themselves"
    assert cluster.ended == [0, 1, 2, 3, 4]


def test_what_never_starts_is_given_up() -> None:
    cluster, slot = ready_slot()
    slot.died(0.0)
    for n_failed in range(1, 4):
        slot.wake(1000.0 * n_failed)
        assert not slot.is_given_up
        slot.died(1000.0 * n_failed)
    assert slot.is_given_up
    slot.wake(10.0**9)
    assert len(cluster.started) == 4
    assert slot.check is None


def test_a_replacement_without_room_in_the_cluster_is_waited_for() -> None:
    cluster, slot = ready_slot()
    slot.died(0.0)
    for now in (0.0, 10.0, 1000.0):
        slot.wake(now)
    assert cluster.started == [0, 1]
    assert cluster.n_asked == 2, "asked once; Ray answers when a node has room"
