# SPDX-License-Identifier: Apache-2.0
"""bench/run still runs: few messages, our system only, every row of the tables with figures in it. Nothing about speed."""

import os
import pathlib
import subprocess
import sys

import pytest

from instance import BUILD, ROOT

PROGRAMS = pathlib.Path(os.environ.get("POSTROAD_MESON_BUILD", BUILD)) / "bench"
COLUMNS = "| load | figure | Postroad | Postroad, queue_journal = no | Postroad / Postfix |"
THROUGHPUT = ("msg/s", "accepted msg/s", "CPU ms a message", "memory MB", "flushes a message")
ROWS = {
    "1 session": [(load, figure) for load in ("relay 4 KB, 1 session", "relay 4 KB, 1 session kept open",
                                              "4 KB to 1,000 recipients, 1 session") for figure in THROUGHPUT],
    "latency": [("latency, 4 clients", f"{what} {p} ms") for what in ("accept", "deliver") for p in ("p50", "p99")],
}
BARE = {
    "1 session": ["no server: source to sink 4 KB, 1 session", "no server: source to sink 4 KB, 1 session kept open"],
    "latency": [],
}


@pytest.mark.parametrize("only", ROWS)
def test_bench_runs(only):
    if not all(os.access(PROGRAMS / name, os.X_OK) for name in ("source", "sink")):
        pytest.skip("bench/source and bench/sink are not there, or not for this user")
    env = dict(os.environ, POSTROAD_BUILD=str(BUILD), POSTROAD_MESON_BUILD=str(PROGRAMS.parent), POSTROAD_TEST_DEADLINE="100")
    p = subprocess.run([sys.executable, ROOT / "bench/run", "--rounds", "1", "--messages", "20", "--deadline", "100",
                        "--systems", "Postroad", "--only", only], env=env, capture_output=True, text=True, timeout=250)
    assert p.returncode == 0, p.stdout + p.stderr
    lines = p.stdout.splitlines()
    assert COLUMNS in lines, p.stdout
    cells = {tuple(line.split(" | ")[:2]): line.split(" | ")[2:] for line in lines if line.startswith("| ")}
    for load, figure in ROWS[only]:
        ours, files, ratio = cells["| " + load, figure]
        assert float(ours) >= 0 and float(files) >= 0 and ratio == "- |", p.stdout
    for name in BARE[only]:
        assert float(cells["| " + name, "msg/s"][0].split()[0]) > 0, p.stdout
