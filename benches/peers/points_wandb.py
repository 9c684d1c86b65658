#!/usr/bin/env python3
"""Points of a metric in Weights & Biases, offline: `points_wandb.py POINTS FOLDER` prints seconds and bytes.

`run.log` for every point, console capture and system metrics off. What is timed is the calls and `finish`, which waits
until all is written; not the import and `init`.
"""

import os
import pathlib
import sys
import time

os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true")

import wandb  # noqa: E402


def main():
    points, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])
    run = wandb.init(project="points", dir=folder, settings=wandb.Settings(console="off", x_disable_stats=True))
    start = time.perf_counter()
    for step in range(points):
        run.log({"loss": 1.0 / (step + 1)}, step=step)
    run.finish()
    seconds = time.perf_counter() - start
    print(seconds, sum(path.stat().st_size for path in folder.rglob("*.wandb") if not path.is_symlink()))


main()
