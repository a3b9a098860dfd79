# Runs the points of a sweep; the working directory is the folder of the sweep, LIFRONT_MPIRUN starts MPI.
# `lifront run --restart auto` decides whether a point begins, goes on from its checkpoint, or is done.
import csv
import os
import shlex
import sys

with open("points.csv", newline="", encoding="utf-8") as file:
    RANKS = {row["id"]: int(row["ranks"]) for row in csv.DictReader(file)}


wildcard_constraints:
    point="[^/]+",


rule point:
    input:
        ancient("{point}/case.toml"),  # whether a case has changed is seen by its hash, not by its date
    output:
        "{point}/done.json",
    threads: lambda wildcards: RANKS[wildcards.point]
    params:
        mpirun=os.environ["LIFRONT_MPIRUN"],
        python=shlex.quote(sys.executable),
        ranks=lambda wildcards: RANKS[wildcards.point],
    shell:
        # snakemake sets OMP_NUM_THREADS to the ranks; the last line of the log tells how the run ended
        "export OMP_NUM_THREADS=1; code=0; "
        "{params.mpirun} -n {params.ranks} {params.python} -m solver run {input} --output {wildcards.point}"
        " --restart auto --force >> {wildcards.point}/run.log 2>&1 || code=$?; "
        "echo \"exit code $code\" >> {wildcards.point}/run.log; exit $code"
