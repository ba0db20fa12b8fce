"""Layers checked by the workers of a Dask cluster that is there already."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import replace
from typing import Any

from layercheck.baseline import Baseline
from layercheck.errors import UsageError, describe
from layercheck.isolation.limits import Limits
from layercheck.isolation.pool import Pool
from layercheck.isolation.visits import Visit

_CONNECT = 15.0  # seconds


class ClusterSlot:
    """One visit at a time, carried out somewhere on a cluster.

    Parameters
    ----------
    client : distributed.Client
    limits : Limits
    """

    def __init__(self, client: Any, limits: Limits) -> None:
        self._client = client
        self.limits = limits
        self._future: Any = None

    def carry_out(
        self, visit: Visit, baseline: Baseline, when_started: Callable[[], None], more: bool
    ) -> None:
        """Hand the visit to a worker, and take over what came of it."""
        folder = os.getcwd()  # noqa: PTH109 - text is compared on another machine
        self._future = self._client.submit(_carried_out, visit, self.limits, baseline, folder)
        try:
            told: Visit = self._future.result()
        except CancelledError:
            visit.is_interrupted = True
            return
        visit.take_over(told)
        when_started()

    def stop(self) -> None:
        """Wait no longer."""
        if self._future is not None:
            self._future.cancel()

    def close(self) -> None:
        """Leave the cluster; it goes on."""
        with contextlib.suppress(Exception):
            self._client.close()


def cluster_slots(address: str, limits: Limits) -> list[ClusterSlot]:
    """Return a slot for each thread of the cluster at an address.

    Raises
    ------
    UsageError
        Dask is not installed, no cluster answers, or it has no workers.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError(
            f"--jobs dask:{address} needs Dask, which is not installed ({describe(error)}). "
            "Install it with pip install 'layercheck[dask]'."
        ) from error
    try:
        client = Client(address, timeout=_CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"No Dask cluster answers at {address!r} (--jobs): {describe(error)}. Start one, "
            "as with dask scheduler and dask worker, and write --jobs dask:tcp://HOST:PORT."
        ) from error
    count = sum(client.nthreads().values())
    if not count:
        client.close()
        raise UsageError(f"The Dask cluster at {address!r} has no workers. Start some.")
    own = replace(limits, jobs=1)
    return [ClusterSlot(client, own) for _ in range(count)]


def _carried_out(visit: Visit, limits: Limits, baseline: Baseline, folder: str) -> Visit:
    """Carry out a visit, on a worker of the cluster."""
    if os.getcwd() != folder:  # noqa: PTH109
        visit.fatal = UsageError(
            f"A Dask worker runs in {os.getcwd()!r}, and the command in {folder!r}. "  # noqa: PTH109
            "Start the workers in a folder that all machines share."
        )
        return visit
    with contextlib.closing(Pool(limits)) as pool:
        visit.carry_out(pool, baseline, lambda: None)
    visit.let_go()
    return visit
