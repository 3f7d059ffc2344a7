"""Negatives chosen for all pairs before the first part is written: where one pair's choice bears on the next one's.

They are kept in blocks below a folder, so that memory stays bounded and a run that was killed goes on with the block
that it was at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
import polars as pl

from pairforge.errors import StageError
from pairforge.execution.ledger import Ledger
from pairforge.execution.parts import Part, PartStore, cut
from pairforge.execution.step import StepContext
from pairforge.progress import silent
from pairforge.steps.mining.candidates import candidates_among, searched
from pairforge.steps.mining.chosen import Chosen, Uses
from pairforge.steps.mining.options import MineNegativesOptions
from pairforge.steps.mining.preparation import Prepared
from pairforge.steps.mining.selection import Check, choose

_PAIRS_A_BLOCK = 8_192
_CANDIDATES_AT_ONCE = 2**20


def chosen_in_blocks(
    pairs: range,
    prepared: Prepared,
    options: MineNegativesOptions,
    ledger: Ledger,
    *,
    uses: Uses | None = None,
    check: Check | None = None,
) -> Iterator[Chosen]:
    """The negatives of the pairs with these ordinals, in blocks whose size bounds memory and changes nothing."""
    lines = max(1, len(options.band)) * max(options.depth, options.num_negatives)
    step = max(1, _CANDIDATES_AT_ONCE // lines)
    for start in range(pairs.start, max(pairs.stop, pairs.start + 1), step):
        ordinals = np.arange(start, min(start + step, pairs.stop))
        rankings = searched(ordinals, prepared, options.depth)
        candidates = candidates_among(rankings, ordinals, prepared, options.depth)
        yield choose(candidates, prepared, options, ledger, uses=uses, check=check)


@dataclass(frozen=True)
class Settled:
    """The negatives of all pairs, in files.

    Args:
        store: Their blocks.
        blocks: The pairs that each holds.
    """

    store: PartStore
    blocks: Sequence[Part]

    def of(self, pairs: range) -> Chosen:
        """The negatives of the pairs with these ordinals."""
        met = [
            block
            for block in self.blocks
            if block.first_row < pairs.stop and pairs.start < block.first_row + block.rows
        ]
        found = Chosen.joined([_read(self.store.read(block)[0]) for block in met or self.blocks[:1]])
        return found.only((found.ordinals >= pairs.start) & (found.ordinals < pairs.stop))


def settle(
    prepared: Prepared, options: MineNegativesOptions, context: StepContext, *, check: Check | None = None
) -> Settled:
    """Choose for every pair in turn.

    Args:
        prepared: What all pairs share.
        options: Those of mining.
        context: Its workspace keeps the blocks, its ledger counts.
        check: Looks at every text that is chosen; it shows its own progress.

    Raises:
        StageError: there is no workspace.
    """
    if context.workspace is None:
        raise StageError("These options settle all pairs in a workspace first; call mine_negatives() outside a stage.")
    settled = Settled(PartStore(context.workspace / "settled"), cut(prepared.num_pairs, _PAIRS_A_BLOCK))
    uses = None if options.max_uses is None else Uses.of(len(prepared.texts), options.max_uses)
    progress = context.progress if check is None else silent
    with progress("choosing", prepared.num_pairs, "pairs") as advance:
        for block in settled.blocks:
            if not settled.store.is_finished(block):
                pairs, ledger = range(block.first_row, block.first_row + block.rows), Ledger()
                chosen = chosen_in_blocks(pairs, prepared, options, ledger, uses=uses, check=check)
                settled.store.keep(block, _written(Chosen.joined(list(chosen))), ledger)
            elif uses is not None:
                uses.add(_read(settled.store.read(block)[0]).negatives)
            context.ledger.merge(settled.store.read(block)[1])
            advance(block.rows)
    return settled


def _written(chosen: Chosen) -> pl.DataFrame:
    return pl.DataFrame({column.name: getattr(chosen, column.name) for column in fields(chosen)})


def _read(block: pl.DataFrame) -> Chosen:
    return Chosen(*(block[column.name].to_numpy() for column in fields(Chosen)))
