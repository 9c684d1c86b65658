#!/usr/bin/env python3
"""What it costs to run a program as a trial. Prints markdown tables.

    python3 benches/commands.py [--sweep PROGRAM] [--rounds 5] [--trials 2000] [--folder FOLDER]

2,000 trials, two at a time, of `/bin/true` and of a shell script that prints a metric: a sweep that stores everything, next
to a C program with two threads that posix_spawn the same command, read its output and wait (peers/spawn_loop.c), to the same
with the files that each trial of a sweep has (a directory of its own and a log), and to `xargs -P2`. They take turns; the table shows medians, in brackets the least and the greatest. Then 200 sleeping trials at
once: the processor time of the coordinator. Every store is a new one and none is deleted before the end: some file systems
(ext4) are slow to make files for seconds after many were deleted.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCRIPT = "#!/bin/sh\necho loss=0.5\n"


def wall(command, cwd, **variables):
    start = time.perf_counter()
    subprocess.run(command, cwd=cwd, env=os.environ | variables, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def shown(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def starts(options, folder):
    loop = folder / "spawn_loop"
    subprocess.run(["cc", "-O2", "-pthread", "-o", loop, ROOT / "benches/peers/spawn_loop.c"], check=True)
    (folder / "metric.sh").write_text(SCRIPT)
    (folder / "metric.sh").chmod(0o755)
    print(f"| {options.trials} trials of | sweep, s | posix_spawn loop, s | loop with files, s | xargs -P2, s | ms a trial | sweep / loop | with files |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for name, program, metric in [("`/bin/true`", "/bin/true", ""), ("a script that prints a metric", "./metric.sh", "metric: min loss\n")]:
        spec = f'run: ["{program}", "{{x}}"]\n{metric}params: {{x: {{int: [1, {options.trials}], step: 1}}}}\nparallel: 2\n'
        (folder / "s.yaml").write_text(spec)
        times = {"sweep": [], "loop": [], "files": [], "xargs": []}
        for round in range(options.rounds):
            store = folder / f"{program.strip('./').replace('/', '-')}-{round}" / "sweep.db"
            times["sweep"].append(wall([options.sweep, "run", "s.yaml", "--quiet", "--db", store], folder))
            times["loop"].append(wall([loop, str(options.trials), program, "x"], folder))
            files = folder / f"files-{program.strip('./').replace('/', '-')}-{round}"
            files.mkdir()
            times["files"].append(wall([loop, str(options.trials), program, "x"], folder, FILES=str(files)))
            xargs = f"seq {options.trials} | xargs -P2 -n1 {program}"
            times["xargs"].append(wall(["sh", "-c", xargs], folder))
        median = {name: statistics.median(values) for name, values in times.items()}
        ratio, fair = median["sweep"] / median["loop"], median["sweep"] / median["files"]
        each = statistics.median(times["sweep"]) / options.trials * 1e3
        print(f"| {name} | {shown(times['sweep'])} | {shown(times['loop'])} | {shown(times['files'])} | {shown(times['xargs'])} | {each:.2f} | {ratio:.2f} | {fair:.2f} |")


def idle(options, folder):
    (folder / "idle.yaml").write_text('run: [sh, -c, "exec sleep 20", "{x}"]\nparams: {x: {int: [1, 200], step: 1}}\n')
    command = [options.sweep, "run", "idle.yaml", "--quiet", "-j200", "--db", folder / "idle" / "sweep.db"]
    child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)

    def ticks():
        fields = pathlib.Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    time.sleep(5)
    before = ticks()
    time.sleep(10)
    share = (ticks() - before) / os.sysconf("SC_CLK_TCK") / 10
    child.wait()
    print(f"\n200 sleeping trials at once cost the coordinator {share * 100:.1f} % of a core.")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sweep", default=ROOT / "target/release/sweep", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--folder", type=pathlib.Path)
    options = parser.parse_args()
    options.sweep = options.sweep.resolve()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        starts(options, pathlib.Path(name))
        idle(options, pathlib.Path(name))


main()
