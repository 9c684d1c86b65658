#!/usr/bin/env python3
"""The search beside those of other libraries, on problems that are not ours. Prints tables.

    python3 benches/search.py --harness FOLDER [--sweep PROGRAM] [--peers optuna_tpe,optuna_gp] [--seeds 0-4] [--keep FOLDER]

FOLDER holds a harness that speaks the protocol of `sweep suggest` (harness.py, report.py, problems.py, drivers/). It is run in a
virtual environment of its own, which is made in the folder that is kept (a temporary one by default); the peers and `sweep`
run one after the other, one trial at a time, in the same call. optuna_gp needs torch, which is large.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGES = ["numpy==2.4.6", "scipy==1.17.1", "pandas==3.1.1", "scikit-learn==1.9.1", "optuna==5.0.0"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--harness", required=True, type=pathlib.Path)
    parser.add_argument("--sweep", default=ROOT / "target/release/sweep", type=pathlib.Path)
    parser.add_argument("--peers", default="optuna_tpe,optuna_gp")
    parser.add_argument("--seeds", default="0-4")
    parser.add_argument("--keep", type=pathlib.Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.keep or pathlib.Path(temporary)).resolve()
        shutil.copytree(options.harness, folder / "harness", dirs_exist_ok=True, ignore=shutil.ignore_patterns("results"))
        subprocess.run(["chmod", "-R", "u+w", folder / "harness"], check=True)
        peers = [peer for peer in options.peers.split(",") if peer]
        python = folder / "harness/venv/bin/python"
        if not python.exists():
            subprocess.run(["python3", "-m", "venv", folder / "harness/venv"], check=True)
            packages = PACKAGES + (["torch"] if "optuna_gp" in peers else [])
            subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
            # The drivers name two environments; here they are one.
            (folder / "harness/venv_torch").symlink_to("venv")
        environment = os.environ | {"REGRET_RESULTS": str(folder / "results")}
        (folder / "results").mkdir(exist_ok=True)
        harness = [python, "harness.py", "run", "--budget", "100"]
        sweep = f"{options.sweep.resolve()} suggest"
        runs = [["--driver", "random", "--seeds", "0-7"], *(["--driver", peer, "--seeds", options.seeds] for peer in peers)]
        runs.append(["--driver", "exec", "--name", "sweep", "--cmd", sweep, "--reuse", "--seeds", options.seeds])
        for run in runs:
            subprocess.run([*harness, *run], cwd=folder / "harness", env=environment, check=True, stdout=subprocess.DEVNULL)
        subprocess.run([python, "report.py"], cwd=folder / "harness", env=environment, check=True, stdout=subprocess.DEVNULL)
        print((folder / "results/tables/TABLES.md").read_text())


main()
