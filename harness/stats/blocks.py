"""What a comparison is made of: blocks of fresh processes of both sides, taken in turns.

A process is what differs from the next one of the same code: memory layout, hash seeds, which core,
what else ran. Samples within a process share all of that, so they are no independent evidence; a
process counts once, with the median of its samples: half of them may be spoilt by collections,
timers or neighbours before it moves far.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from harness.records import Record

Array: TypeAlias = NDArray[np.float64]

#: The samples of one process: positive figures, at least one.
Process: TypeAlias = tuple[float, ...]


class Block(Record, frozen=True):
    """Processes of both sides that ran next to each other: as A B B A, or as B A A B.

    ``base`` is the side that ``head`` is compared with.
    """

    base: tuple[Process, ...]
    head: tuple[Process, ...]


def typical(processes: Sequence[Process]) -> Array:
    """The logarithm of the typical figure of each process: its median.

    Raises ``ValueError`` for a process without samples or with one that is not positive.
    """
    for process in processes:
        if not process or not all(0 < sample < np.inf for sample in process):
            raise ValueError(f"a process needs positive figures, not {process}")
    return np.array([np.log(np.median(process)) for process in processes])


def table(blocks: Sequence[Block]) -> Array:
    """Logarithms by block, side (base, head) and process.

    Raises ``ValueError`` for blocks of different sizes or with figures that are not positive.
    """
    sizes = {(len(block.base), len(block.head)) for block in blocks}
    if len(sizes) > 1 or any(base != head or not base for base, head in sizes):
        raise ValueError(f"blocks need as many processes on each side, not {sorted(sizes)}")
    if not blocks:
        return np.empty((0, 2, 1))
    return np.array([[typical(block.base), typical(block.head)] for block in blocks])


def differences(logs: Array) -> Array:
    """By how much the logarithm of the head exceeds the base's, block by block.

    ``logs`` is a ``table``. What both sides of a block share (the machine's pace, the server that
    they talked to) cancels; in A B B A so does a pace that changes evenly within the block.
    """
    means = logs.mean(axis=2)
    return np.asarray(means[:, 1] - means[:, 0])


def middle(values: Array) -> Array:
    """The mean without the highest and the lowest fifth, along the last axis.

    Fifths as Wilcox 2012 advises: on normal noise it is nearly as sharp as the mean, and a spoilt
    block in five does not reach it.
    """
    count = values.shape[-1]
    cut = count // 5
    if not cut:
        return np.asarray(values.mean(axis=-1))
    return np.asarray(np.sort(values, axis=-1)[..., cut : count - cut].mean(axis=-1))
