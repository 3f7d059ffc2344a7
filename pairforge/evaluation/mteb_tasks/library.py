"""mteb, loaded quietly and only when a task asks for it."""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from pairforge.engines.sentence_models import quiet
from pairforge.errors import MissingExtraError

_CACHE_VARIABLE = "MTEB_CACHE"


def load_mteb() -> Any:
    """The library.

    Raises:
        MissingExtraError: it is not installed.
    """
    if find_spec("mteb") is None:
        raise MissingExtraError("a task of mteb", "mteb")
    with quiet_mteb(), _no_cache_of_its_own():
        import mteb  # noqa: PLC0415 - an extra, and seconds

        return mteb


@contextmanager
def quiet_mteb() -> Iterator[None]:
    """Neither log lines nor warnings nor bars of mteb, datasets and scikit-learn on the screen; faults still raise."""
    import datasets  # noqa: PLC0415 - a second to import

    logger = logging.getLogger("mteb")
    level, bars = logger.level, not datasets.are_progress_bars_disabled()
    logger.setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    try:
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
        if bars:
            datasets.enable_progress_bars()


@contextmanager
def _no_cache_of_its_own() -> Iterator[None]:
    """mteb makes a folder for results as it is imported, wherever this variable says; ours are kept elsewhere."""
    if _CACHE_VARIABLE in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ[_CACHE_VARIABLE] = folder
        try:
            yield
        finally:
            del os.environ[_CACHE_VARIABLE]
