#!/usr/bin/env python3
"""Points of a metric in MLflow: `points_mlflow.py file|sqlite one|batch POINTS FOLDER` prints seconds and bytes.

`one` calls `log_metric` for every point, as training scripts do; `batch` calls `log_batch` with 1,000 points at a time,
the most that MLflow takes. The store and the run are made before the clock starts.
"""

import os
import pathlib
import sys
import time

os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"

from mlflow.entities import Metric  # noqa: E402
from mlflow.tracking import MlflowClient  # noqa: E402


def size(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main():
    kind, how, points, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), pathlib.Path(sys.argv[4])
    client = MlflowClient(str(folder / "mlruns") if kind == "file" else f"sqlite:///{folder / 'mlflow.db'}")
    run = client.create_run(client.create_experiment("points")).info.run_id
    empty = size(folder)
    start = time.perf_counter()
    if how == "one":
        for step in range(points):
            client.log_metric(run, "loss", 1.0 / (step + 1), step=step)
    else:
        for first in range(0, points, 1000):
            now = int(time.time() * 1000)
            steps = range(first, min(first + 1000, points))
            client.log_batch(run, [Metric("loss", 1.0 / (step + 1), now, step) for step in steps])
    print(time.perf_counter() - start, size(folder) - empty)


main()
