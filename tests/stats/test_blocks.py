"""Blocks: what cancels, what a process counts for, and what is no data."""

from __future__ import annotations

import numpy as np
import pytest

from harness.stats.blocks import Block, differences, middle, table, typical


def test_a_process_counts_once_with_its_median() -> None:
    logs = typical([(1.0, 2.0, 900.0), (4.0,)])
    assert np.exp(logs).tolist() == pytest.approx([2.0, 4.0])


def test_what_both_sides_share_cancels() -> None:
    slow, fast = 3.0, 1.0  # the machine's pace in two blocks
    blocks = [
        Block(base=((10 * pace,), (10 * pace,)), head=((11 * pace,), (11 * pace,)))
        for pace in (slow, fast)
    ]
    assert np.exp(differences(table(blocks))).tolist() == pytest.approx([1.1, 1.1])


def test_an_even_drift_within_a_block_cancels() -> None:
    # A B B A at paces 1, 2, 4, 8 (even on the scale of ratios).
    block = Block(base=((10.0,), (80.0,)), head=((20.0,), (40.0,)))
    assert differences(table([block])).tolist() == pytest.approx([0.0])


@pytest.mark.parametrize(
    "block",
    [
        Block(base=((),), head=((1.0,),)),
        Block(base=((0.0,),), head=((1.0,),)),
        Block(base=((float("nan"),),), head=((1.0,),)),
        Block(base=((1.0,),), head=((1.0,), (1.0,))),
        Block(base=(), head=()),
    ],
)
def test_what_is_no_block_is_refused(block: Block) -> None:
    with pytest.raises(ValueError, match=r"positive figures|as many processes"):
        table([block])


def test_no_blocks_are_an_empty_table() -> None:
    assert table([]).shape == (0, 2, 1)


def test_the_middle_leaves_out_a_fifth_at_each_end() -> None:
    assert middle(np.array([1.0, 2.0, 3.0, 4.0, 1_000.0])) == pytest.approx(3.0)
    assert middle(np.array([1.0, 2.0, 6.0])) == pytest.approx(3.0)  # too few to leave any out
    rows = np.array([[5.0, 1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 0.0, 9.0]])
    assert middle(rows).tolist() == pytest.approx([3.0, 0.0])
