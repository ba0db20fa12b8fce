"""The same plan on a Dask cluster that the test starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from isolation.test_jobs import OPTIONS, check, folder, verdicts  # noqa: F401 - a fixture


def test_a_cluster_that_does_not_answer_is_said(folder):  # noqa: F811
    pytest.importorskip("distributed")
    done = check(folder, "a.py", *OPTIONS, "--jobs", "dask:nonsense")

    assert (done.returncode, done.stdout) == (2, "")
    assert "No Dask cluster answers at 'nonsense' (--jobs)" in done.stderr


@pytest.mark.corpus
def test_a_cluster_gives_the_same_verdicts_in_the_same_order(folder):  # noqa: F811
    pytest.importorskip("distributed")
    script = (
        "import subprocess, sys\n"
        "from distributed import LocalCluster\n"
        "if __name__ == '__main__':\n"
        "    options = dict(n_workers=2, threads_per_worker=1, dashboard_address=None)\n"
        "    with LocalCluster(**options) as cluster:\n"
        "        words = [*sys.argv[1:], '--jobs', 'dask:' + cluster.scheduler_address]\n"
        "        done = subprocess.run([sys.executable, '-m', 'layercheck', *words])\n"
        "    sys.exit(done.returncode)\n"
    )
    (folder / "on_cluster.py").write_text(script)
    targets = ["c.py::First", "a.py", "b.py::Crash", "d.py", "c.py::Wrong"]
    one = check(folder, *targets, *OPTIONS, "--report", "json")
    done = subprocess.run(
        [sys.executable, "on_cluster.py", *targets, *OPTIONS, "--report", "json:r.json"],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=600,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
    )

    assert done.returncode == 1, done.stderr
    found = (folder / "r.json").read_text()
    assert verdicts(found) == verdicts(one.stdout)
    assert [layer["name"] for layer in json.loads(found)["layers"]][:2] == ["First", "Double"]
