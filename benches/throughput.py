#!/usr/bin/env python3
"""How fast sweeps are run and stored: trials a second, metric points a second, start-up. Prints markdown tables.

    python3 -m venv VENV && VENV/bin/pip install optuna mlflow-skinny sqlalchemy alembic wandb
    VENV/bin/python benches/throughput.py [--sweep PROGRAM] [--rounds 5] [--only trials,points,start] [--folder FOLDER]

Everything is optional but the program itself: a peer that is not installed for this Python is left out with a line that
says so. The programs take turns, `rounds` times; the tables show medians, and in brackets the least and the greatest.

trials  A sweep of 10,000 trials without a step of training, on a new store: the wall time of the whole process. Next to
        it the rows that it stored, inserted by a bare C program (peers/sqlite_inserts.c, needs gcc and libsqlite3-dev),
        and Optuna with its in-memory, journal and SQLite storages (peers/trials_optuna.py; fewer trials where it is slow).
points  100 trials of 10,000 points each: points a second of the whole process, bytes a point of the series and of the
        file. Next to it MLflow (peers/points_mlflow.py) and Weights & Biases offline (peers/points_wandb.py).
start   The wall time of the whole process: help, a list of the sweeps of a store that holds three, a plan of 100,000
        trials. Next to it `true`, which is the cost of starting any process here, and Python that does nothing.

FOLDER is where the stores are written: it should be on the disk that matters (by default, where temporary files go).
"""

import argparse
import pathlib
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ROOT / "benches" / "peers"
QUADRATIC = "train: {{model: {{quadratic: {{dim: 1}}}}, steps: {steps}{more}}}\nsearch: grid\nmetric: min loss\nparams:\n"
PARAMS = """  lr: {{log: [1e-4, 1], grid: {0}}}
  l1: {{float: [0, 0.1], grid: {1}}}
  l2: {{float: [0, 0.1], grid: {2}}}
"""


def wall(command, cwd=None):
    """Seconds of wall time of a whole process; its output is thrown away."""
    start = time.perf_counter()
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def numbers(command):
    """The numbers that a peer prints in its last line."""
    run = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True)
    return [float(word) for word in run.stdout.splitlines()[-1].split()]


def has(module):
    """Whether this Python has a module; says so where it has not."""
    found = subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True).returncode == 0
    if not found:
        print(f"{module} is not installed for {sys.executable}: left out", file=sys.stderr)
    return found


def take_turns(rounds, folder, programs):
    """Runs each program once a round, in a new empty folder; gives the results by name."""
    results = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            place = pathlib.Path(tempfile.mkdtemp(dir=folder))
            results[name].append(program(place))
            shutil.rmtree(place)
    return results


def spread(values, shape="{:,.0f}"):
    """The median, with the least and the greatest."""
    low, middle, high = (shape.format(f(values)) for f in (min, statistics.median, max))
    return f"{middle} ({low} to {high})"


def table(head, rows):
    print("\n| " + " | ".join(head) + " |")
    print("|---" + "|---:" * (len(head) - 1) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def sqlite_inserts(folder):
    """The bare C program, compiled; none where that cannot be."""
    binary = folder / "sqlite_inserts"
    command = ["gcc", "-O2", "-o", str(binary), str(PEERS / "sqlite_inserts.c"), "-lsqlite3"]
    if not shutil.which("gcc") or subprocess.run(command, capture_output=True).returncode != 0:
        print("there is no gcc or no libsqlite3: the bare inserts are left out", file=sys.stderr)
        return None
    return binary


def bench_trials(sweep, rounds, folder):
    trials = 10_000
    spec = folder / "noop.yaml"
    spec.write_text(QUADRATIC.format(steps=0, more="") + PARAMS.format(25, 20, 20))
    filled = folder / "filled.db"
    subprocess.run([sweep, "run", spec, "-q", "--db", filled], check=True, capture_output=True)

    def ours(place):
        seconds = wall([sweep, "run", spec, "-q", "--db", place / "sweep.db"])
        with sqlite3.connect(place / "sweep.db") as store:
            assert store.execute("SELECT count(*) FROM trials WHERE state = 'done'").fetchone() == (trials,)
        return seconds / trials

    programs = {"sweep": ours}
    if binary := sqlite_inserts(folder):
        programs["bare SQLite inserts in C"] = lambda place: numbers([binary, filled, place / "new.db"])[0] / trials
    if has("optuna"):
        for name, kind, count in [
            ("Optuna, in memory, random sampler", "memory", trials),
            ("Optuna, in memory, default sampler", "default", 1_000),
            ("Optuna, journal file, random sampler", "journal", 2_000),
            ("Optuna, SQLite, random sampler", "sqlite", 300),
        ]:
            command = [sys.executable, PEERS / "trials_optuna.py", kind, count]
            programs[f"{name} ({count:,} trials)"] = (
                lambda place, command=command, count=count: numbers([*command, place])[0] / count
            )
    results = take_turns(rounds, folder, programs)
    own = statistics.median(results["sweep"])
    rows = [
        [name, spread([1 / each for each in seconds]), f"{statistics.median(seconds) * 1e6:,.1f}",
         f"{statistics.median(seconds) / own:,.2f}"]
        for name, seconds in results.items()
    ]
    table([f"{trials:,} trials that do nothing", "trials/s", "microseconds a trial", "time / sweep's"], rows)


def bench_points(sweep, rounds, folder):
    trials, each = 100, 10_000
    spec = folder / "points.yaml"
    spec.write_text(QUADRATIC.format(steps=each - 1, more=", report: {every: 1}")
                    + f"  lr: {{log: [1e-4, 0.1], grid: {trials}}}\n")
    packed = []

    def ours(place):
        seconds = wall([sweep, "run", spec, "-q", "--db", place / "sweep.db"])
        with sqlite3.connect(place / "sweep.db") as store:
            points, length = store.execute(
                "SELECT sum(count), sum(length(vals)) + coalesce(sum(length(steps)), 0) FROM series_chunks").fetchone()
        assert points == trials * each
        packed.append(length / points)
        return seconds, (place / "sweep.db").stat().st_size, points

    programs = {f"sweep ({trials * each:,} points)": ours}
    if has("mlflow"):
        kinds = [("file", "one", 1_000), ("file", "batch", 10_000)]
        if has("sqlalchemy") and has("alembic"):
            kinds += [("sqlite", "one", 1_000), ("sqlite", "batch", 10_000)]
        for kind, how, count in kinds:
            call = "`log_metric`" if how == "one" else "`log_batch` of 1,000"
            store = "files" if kind == "file" else "SQLite"
            command = [sys.executable, PEERS / "points_mlflow.py", kind, how, count]
            programs[f"MLflow, {store}, {call} ({count:,} points)"] = (
                lambda place, command=command, count=count: (*numbers([*command, place]), count)
            )
    if has("wandb"):
        count = 20_000
        command = [sys.executable, PEERS / "points_wandb.py", count]
        programs[f"W&B, offline ({count:,} points)"] = lambda place: (*numbers([*command, place]), count)
    results = take_turns(rounds, folder, programs)
    medians = {name: statistics.median(count / seconds for seconds, _, count in runs) for name, runs in results.items()}
    own = next(iter(medians.values()))
    rows = [
        [name, spread([count / seconds for seconds, _, count in runs]), f"{own / medians[name]:,.0f}",
         f"{statistics.median(size / count for _, size, count in runs):,.1f}"]
        for name, runs in results.items()
    ]
    table(["metric points", "points/s", "sweep / this", "bytes a point on disk"], rows)
    print(f"The rows of `series` alone: {statistics.median(packed):.2f} bytes a point in sweep.\n")


def bench_start(sweep, rounds, folder):
    spec, small = folder / "plan.yaml", folder / "small.yaml"
    spec.write_text(QUADRATIC.format(steps=1, more="") + PARAMS.format(100, 100, 10))
    small.write_text(QUADRATIC.format(steps=1, more="") + PARAMS.format(4, 4, 4))
    store = folder / "start.db"
    for _ in range(3):
        command = [sweep, "run", small, "-q", "--new", "--db", store]
        subprocess.run(command, check=True, capture_output=True)
    commands = {
        "`sweep --help`": ([sweep, "--help"], 20),
        "`sweep ls`, three sweeps": ([sweep, "ls", "--db", store], 20),
        "`sweep plan`, 100,000 trials": ([sweep, "plan", spec], 2),
        "`true`": (["true"], 20),
        "`python -c pass`": ([sys.executable, "-c", "pass"], 5),
    }
    seconds = {name: [] for name in commands}
    for _ in range(rounds):
        for name, (command, times) in commands.items():
            seconds[name] += [wall(command, folder) for _ in range(times)]
    timer = shutil.which("time")
    if not timer:
        print("there is no GNU time: peak memory is left out", file=sys.stderr)

    def peak(command):
        if not timer:
            return ""
        run = subprocess.run([timer, "-f", "%M", *command], cwd=folder, check=True, capture_output=True, text=True)
        return f"{int(run.stderr.splitlines()[-1]) / 1024:.1f}"

    rows = [[name, spread([second * 1e3 for second in seconds[name]], "{:.1f}"), str(len(seconds[name])), peak(command)]
            for name, (command, _) in commands.items()]
    table(["start-up", "ms", "runs", "peak memory, MiB"], rows)


def main():
    parser = argparse.ArgumentParser()
    built = [path for path in (ROOT / "target" / kind / "sweep" for kind in ("release", "debug")) if path.is_file()]
    parser.add_argument("--sweep", type=pathlib.Path, default=built[0] if built else None, help="the program")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="trials,points,start", help="which of the three")
    parser.add_argument("--folder", type=pathlib.Path, help="where stores are written")
    arguments = parser.parse_args()
    if not arguments.sweep:
        parser.error("no program: build it, or say `--sweep PATH`")
    sweep = arguments.sweep.resolve()
    benches = {"trials": bench_trials, "points": bench_points, "start": bench_start}
    for name in arguments.only.split(","):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            benches[name](sweep, arguments.rounds, pathlib.Path(folder))


main()
