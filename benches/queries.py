#!/usr/bin/env python3
"""How long questions to a large store take, for the whole process. Prints a markdown table.

    cargo build --release && python3 benches/queries.py [--folder FOLDER] [--rounds 7] [--trials 10000,100000]

The stores are built by the program's own writer (benches/build_store.rs): 10 params, 5 metrics and 1,000 points of series a
trial. Median of the rounds, in brackets the least and the greatest, in milliseconds; beside them a bare SQLite query (Python's
module, in process) for the 20 least values, as the floor.
"""

import argparse
import os
import pathlib
import sqlite3
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMMANDS = [
    ["--help"],
    ["ls"],
    ["trials", "--top", "20", "--sort", "val_loss"],
    ["trials", "--top", "20", "-F", "p0 > 0.5 and val_loss < 0.3 and state = done", "--sort", "-val_accuracy"],
    ["best"],
    ["best", "--by", "p9"],
    ["show"],
    ["show", "last/4711"],
    ["compare", "last/1", "last/4711"],
    ["query", "SELECT p9, count(*), avg(val_loss) FROM last GROUP BY p9"],
    ["export", "-o", os.devnull + ".csv"],
]


def wall(command, folder):
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return (time.perf_counter() - start) * 1e3


def shown(values):
    return f"{statistics.median(values):.0f} ({min(values):.0f} to {max(values):.0f})"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sweep", default=ROOT / "target/release/sweep", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--trials", default="10000,100000")
    parser.add_argument("--folder", type=pathlib.Path)
    options = parser.parse_args()
    counts = [int(count) for count in options.trials.split(",")]
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = pathlib.Path(name)
        columns = {}
        for count in counts:
            store = folder / str(count) / "sweep.db"
            store.parent.mkdir()
            build = ["cargo", "bench", "--quiet", "--bench", "build_store", "--", str(store), str(count)]
            subprocess.run(build, cwd=ROOT, check=True)
            times = {}
            for command in COMMANDS:
                command = [str(folder / "out.csv") if word == os.devnull + ".csv" else word for word in command]
                whole = [str(options.sweep.resolve()), *command, "--db", str(store)]
                wall(whole, folder)
                times[" ".join(command).replace(str(folder / "out.csv"), "all.csv")] = [wall(whole, folder) for _ in range(options.rounds)]
            bare = []
            connection = sqlite3.connect(store)
            for _ in range(options.rounds):
                start = time.perf_counter()
                connection.execute("SELECT number, objective FROM trial_rows WHERE sweep = 1 ORDER BY objective LIMIT 20").fetchall()
                bare.append((time.perf_counter() - start) * 1e3)
            times["(a bare SQLite query)"] = bare
            columns[count] = times
        print("| `sweep` ... | " + " | ".join(f"{count:,} trials, ms" for count in counts) + " |")
        print("|---|" + "---:|" * len(counts))
        for command in columns[counts[0]]:
            print(f"| `{command}` | " + " | ".join(shown(columns[count][command]) for count in counts) + " |")


main()
