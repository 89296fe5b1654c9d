"""A real Ray cluster of two processors on this machine, for all tests of the room; it ends with them."""

import os

import psutil
import pytest

from unlike.api import sample_corpus
from unlike.spread.workers import import_ray


@pytest.fixture(scope="package")
def ray(tmp_path_factory):
    """A cluster without dashboard, logs or reports; it starts in seconds and leaves no process behind."""
    started = import_ray()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNLIKE_CACHE", str(tmp_path_factory.mktemp("cache")))
        for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "RAY_ADDRESS"):
            patch.delenv(name, raising=False)
        patch.setenv("RAY_worker_niceness", "0")  # by default workers give way to everything else on the machine
        started.init(
            "local",
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            object_store_memory=100_000_000,
            _node_ip_address="127.0.0.1",
        )
        children = psutil.Process(os.getpid()).children(recursive=True)
        yield started
        started.shutdown()
        _, alive = psutil.wait_procs(children, timeout=120)
        assert not alive, "the cluster left processes behind"


@pytest.fixture(scope="package")
def sample():
    return sample_corpus()
