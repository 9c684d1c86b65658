#!/usr/bin/env python3
"""The built-in trainers against NumPy, jitted JAX and a tuned C program: one run, one thread, float64, a markdown table.

    python3 -m venv VENV && VENV/bin/pip install numpy jax
    VENV/bin/python benches/trainers.py [--rounds 3] [--seconds 0.5] [--profile bench] [--ours PROGRAM]

Every program reads the same digits (1797 x 64, standardised) and prints, for each workload, its steps per second of wall
clock and of processor time, and the loss after a fixed number of steps. The programs take turns, `rounds` times; the
table shows the best of the rounds, so that a busy moment of the machine is nobody's disadvantage. The losses of the
workloads without mini-batches must agree to 1e-9, or the run fails.

A step is a whole one: for mini-batches (32 rows) every program draws a new permutation in each epoch and copies the rows
together; JAX does so inside its compiled loop. C is compiled with -O3 -march=native -ffast-math; ours finds the
processor's instructions at run time.
"""

import argparse
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ROOT / "benches" / "peers"
EXACT = ("quadratic", "softmax_full", "mlp_relu_full", "mlp_tanh_full")


def ours(profile):
    """Builds our side and returns its path."""
    command = ["cargo", "bench", "--bench", "trainers", "--no-run", "--profile", profile, "--message-format=json"]
    lines = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return next(m["executable"] for m in found if m.get("executable") and m["target"]["name"] == "trainers")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.5, help="about how long each workload runs in a round")
    parser.add_argument("--profile", default="bench", help="the cargo profile of our side")
    parser.add_argument("--ours", help="our side, already built")
    parser.add_argument("--data", default=ROOT / "sweeps" / "data" / "digits.csv")
    arguments = parser.parse_args()

    one_thread = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    one_thread["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    one_thread["JAX_PLATFORMS"] = "cpu"
    core = {max(os.sched_getaffinity(0))} if hasattr(os, "sched_getaffinity") else None
    pin = (lambda: os.sched_setaffinity(0, core)) if core else None

    with tempfile.TemporaryDirectory() as folder:
        programs = {"sweep": [arguments.ours or ours(arguments.profile)]}
        for module in ("numpy", "jax"):
            if subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True).returncode == 0:
                programs[module] = [sys.executable, str(PEERS / f"trainers_{module}.py")]
            else:
                print(f"{module} is not installed for {sys.executable}: left out", file=sys.stderr)
        if shutil.which("gcc"):
            binary = str(pathlib.Path(folder) / "trainers")
            flags = ["-O3", "-march=native", "-ffast-math", "-o", binary, str(PEERS / "trainers.c"), "-lm"]
            subprocess.run(["gcc", *flags], check=True)
            programs["c"] = [binary]
        else:
            print("there is no gcc: C is left out", file=sys.stderr)

        best = {name: {} for name in programs}
        losses = {}
        for _ in range(arguments.rounds):
            for name, command in programs.items():
                command = [*command, str(arguments.data), str(arguments.seconds)]
                environment = {**os.environ, **one_thread}
                output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment,
                                        preexec_fn=pin).stdout
                for line in output.splitlines():
                    workload, wall, cpu, loss = line.split()
                    old = best[name].get(workload, (0.0, 0.0))
                    best[name][workload] = (max(old[0], float(wall)), max(old[1], float(cpu)))
                    losses.setdefault(workload, {})[name] = float(loss)

    peers = [name for name in programs if name != "sweep"]
    print("| steps/s, wall (processor time) | " + " | ".join(programs) + " | "
          + " | ".join(f"sweep / {peer}" for peer in peers) + " |")
    print("|---|" + "---:|" * (len(programs) + len(peers)))
    for workload in best["sweep"]:
        cells = [f"{best[name][workload][0]:,.0f} ({best[name][workload][1]:,.0f})" for name in programs]
        ratios = [f"{best['sweep'][workload][0] / best[peer][workload][0]:.2f}" for peer in peers]
        print("| " + " | ".join([workload, *cells, *ratios]) + " |")
    for workload in EXACT:
        values = losses[workload]
        if not all(math.isclose(value, values["sweep"], rel_tol=1e-9) for value in values.values()):
            sys.exit(f"the losses of {workload} disagree: {values}")


main()
