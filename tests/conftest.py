"""What every test stands on: a cache folder of its own, no network, and the shared real data where it is present."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Before anything imports huggingface_hub, which reads it once.
os.environ["HF_HUB_OFFLINE"] = "1"

# Shared machines stall now and then: a slow example is no failure.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")

_ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAIRFORGE_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real corpora that some tests read; they are skipped where it is absent."""
    folder = Path(os.environ.get("PAIRFORGE_TEST_DATA", _ROOT / "../shared/data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"the real data is absent: no folder {folder} (name another with PAIRFORGE_TEST_DATA)")
    return folder
