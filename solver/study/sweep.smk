# Runs the points of a sweep in its folder LIFRONT_SWEEP; LIFRONT_MPIRUN starts MPI. Snakemake's own working directory is a
# new one: profiles and records in the folder of a sweep may be somebody else's.
# `lifront run --restart auto` decides whether a point begins, goes on from its checkpoint, or is done.
import csv
import os
import shlex
import sys

FOLDER = os.environ["LIFRONT_SWEEP"]
with open(os.path.join(FOLDER, "points.csv"), newline="", encoding="utf-8") as file:
    RANKS = {row["id"]: int(row["ranks"]) for row in csv.DictReader(file)}


wildcard_constraints:
    point="[A-Za-z0-9_.+-]+",  # plain words for a shell


rule point:
    output:
        touch("{point}.ended"),  # what a point has come to is seen by its own done.json
    threads: lambda wildcards: RANKS[wildcards.point]
    params:
        folder=lambda _: shlex.quote(FOLDER),  # functions, for in a text { } would be taken for a wildcard
        mpirun=lambda _: os.environ["LIFRONT_MPIRUN"],
        python=lambda _: shlex.quote(sys.executable),
        words=lambda _: os.environ["LIFRONT_WORDS"],
        ranks=lambda wildcards: RANKS[wildcards.point],
    shell:
        # snakemake sets OMP_NUM_THREADS to the ranks; the last line of the log tells how the run ended
        "export OMP_NUM_THREADS=1; code=0; cd {params.folder}; "
        "{params.mpirun} -n {params.ranks} {params.python} -m solver run {wildcards.point}/case.toml"
        " --output {wildcards.point} --restart auto --force {params.words} >> {wildcards.point}/run.log 2>&1 || code=$?; "
        "echo \"exit code $code\" >> {wildcards.point}/run.log; exit $code"
