"""Ranks as threads and as processes: the same program, the same results, and errors that say which rank made them."""

import os

import pytest
import torch

from labkit import ranks
from labkit.ranks import Group, NoMeeting

X = torch.arange(12.0).view(6, 2)


def all_operations(group: Group, x: torch.Tensor) -> list[torch.Tensor]:
    mine = x * (group.rank + 1)
    return [
        group.all_reduce(mine.T),  # not contiguous
        group.broadcast(mine, group.size - 1),
        group.all_gather(mine),
        group.reduce_scatter(mine),
        torch.tensor([group.rank, group.size]),
    ]


def breaks_on_rank_1(group: Group) -> None:
    if group.rank == 1:
        raise KeyError("broken")
    group.all_reduce(torch.ones(2))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_what_the_operations_return(size: int) -> None:
    for rank, found in enumerate(ranks.threads(size, all_operations, X)):
        total = X * sum(range(1, size + 1))
        assert torch.equal(found[0], total.T)
        assert torch.equal(found[1], size * X)
        assert torch.equal(found[2], torch.cat([X * (r + 1) for r in range(size)]))
        assert torch.equal(found[3], total.chunk(size)[rank])
        assert found[4].tolist() == [rank, size]


def test_processes_return_what_threads_do() -> None:
    for threaded, found in zip(ranks.threads(2, all_operations, X), ranks.processes(2, all_operations, X), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(threaded, found, strict=True))


def test_results_are_copies() -> None:
    def program(group: Group) -> torch.Tensor:
        mine = torch.ones(2)
        for result in (group.all_reduce(mine), group.broadcast(mine), group.all_gather(mine)):
            result.add_(5)
        return mine

    assert all(torch.equal(mine, torch.ones(2)) for mine in ranks.threads(2, program))


def test_threads_that_do_not_meet_are_told() -> None:
    def another_shape(group: Group) -> None:
        group.all_reduce(torch.ones(2 + group.rank))

    def another_number(group: Group) -> None:
        for _ in range(1 + group.rank):
            group.all_gather(torch.ones(2))

    with pytest.raises(NoMeeting, match=r"rank 0 calls all_reduce of \(2,\), rank 1 calls all_reduce of \(3,\)"):
        ranks.threads(2, another_shape)
    with pytest.raises(NoMeeting, match="rank 1 waits in all_gather"):
        ranks.threads(2, another_number)


def test_rows_that_the_ranks_do_not_divide() -> None:
    with pytest.raises(ValueError, match="3 ranks do not divide 4 rows"):
        ranks.threads(3, lambda group: group.reduce_scatter(torch.ones(4)))


def dies_on_rank_1(group: Group) -> None:
    if group.rank == 1:
        os._exit(3)
    group.all_reduce(torch.ones(2))


def test_what_a_rank_raises_is_raised_here() -> None:
    """And not what the others raise then, for they wait in vain."""
    with pytest.raises(KeyError, match="broken"):
        ranks.threads(2, breaks_on_rank_1)
    with pytest.raises(KeyError, match="broken") as caught:
        ranks.processes(2, breaks_on_rank_1)
    assert caught.value.__notes__[0].startswith("on rank 1:") and "breaks_on_rank_1" in caught.value.__notes__[0]


def test_a_rank_whose_process_dies_is_named() -> None:
    with pytest.raises(RuntimeError, match="the process of rank 1 died"):
        ranks.processes(2, dies_on_rank_1)
