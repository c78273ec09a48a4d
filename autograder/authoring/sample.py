"""`autograder proof --check`: do the proofs that are committed still hold?

A lab whose own folder has changed since must be proved again by its author. A change of the engine concerns every
target of every lab, which is an hour's work: so a tenth of each lab is tried again, under one of the secrets. Which
tenth, and which secret, follows from the number of commits on the main line. So ten runs in a row, each on the next
commit or merge, try everything, and two people who check one commit try the same.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import NamedTuple

from autograder import fingerprint
from autograder.authoring import trials
from autograder.authoring.mutate import ENOUGH
from autograder.authoring.pool import Pool
from autograder.authoring.proof import MISCONCEPTION, Fingerprints, Proof
from autograder.authoring.trials import Finding
from autograder.authoring.validate import DIAGNOSED, NOBODY, SEEDS, Watch, holds, run, try_alone
from autograder.lab import REPOSITORY, Lab
from autograder.sandbox import choose

SHARDS = 10


class State(NamedTuple):
    """How a lab's proof stands, by itself."""

    lab: Lab
    proof: Proof
    wrong: str  # in one line, with what to run; empty if nothing is
    outdated: bool  # made by another engine than the present one, in part at least


def state(lab: Lab, engine: str) -> State:
    """How a lab's proof stands, without running anything."""
    proof, fingerprints = Proof.load(lab), Fingerprints(lab)
    faulty = [name for name, found in sorted(proof.targets.items()) if found.faults]
    stale = [name for name, print_ in fingerprints.all.items() if name not in faulty and not _kept(proof, name, print_)]
    wrong = [f"{_some(faulty)}: at fault"] if faulty else []
    if stale:
        wrong.append(f"{_some(stale)}: not proved as the code is now")
    if wrong:
        wrong[-1] += f", run `autograder validate {lab.lesson}`"
    mutants = proof.mutants
    if mutants is None or mutants.fingerprint != fingerprints.mutants:
        wrong.append(f"no mutants of the code as it is now, run `autograder mutate {lab.lesson}`")
    elif mutants.killed < ENOUGH * mutants.count:
        wrong.append(f"{mutants.killed} of {mutants.count} mutants killed, run `autograder mutate {lab.lesson}`")
    engines = {found.engine for found in proof.targets.values()} | ({mutants.engine} if mutants else set())
    return State(lab, proof, "; ".join(wrong), engines != {engine})


def check(labs: Sequence[Lab], watch: Watch = NOBODY, sandbox: str = choose.DEFAULT) -> list[str]:
    """What is wrong with the proofs of some labs: nothing, if they hold. Of labs that stand well, a sample is tried.

    Raises UserError where grading cannot run.
    """
    engine = fingerprint.of_engine()
    states = [state(lab, engine) for lab in labs]
    wrong = [f"{each.lab.id}: {each.wrong}" for each in states if each.wrong]
    sampled = [(each.lab, each.proof) for each in states if each.outdated and not each.wrong]
    return wrong + (_try_again(sampled, run_number(), watch, sandbox) if sampled else [])


def shard(proof: Proof, number: int) -> list[str]:
    """The tenth of a proof's targets that is the run's with this number.

    What fails the same tests stands together: to diagnose one of them, the others' replies must be known.
    """
    targets = sorted(proof.targets, key=lambda name: (proof.targets[name].fails, name))
    first, last = (len(targets) * (number % SHARDS + end) // SHARDS for end in (0, 1))
    return targets[first:last]


def run_number() -> int:
    """How many commits the main line has; without its history, a number drawn from the commit, or from the code."""
    whole = _git("rev-parse", "--is-shallow-repository") != "true"
    count = _git("rev-list", "--count", "--first-parent") if whole else ""
    return int(count) if count else int((_git("rev-parse") or fingerprint.of_engine())[:8], 16)


def _git(*words: str) -> str:
    """What git says of HEAD; nothing where there is no git."""
    try:
        done = subprocess.run(
            ["git", "-C", str(REPOSITORY), *words, "HEAD"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.split("\n")[0]


def _try_again(sampled: Sequence[tuple[Lab, Proof]], number: int, watch: Watch, sandbox: str) -> list[str]:
    """Tries a sample of each lab's targets under one secret; what is not as it was, a line each."""
    seed = number // SHARDS % SEEDS
    proofs = {lab.id: proof for lab, proof in sampled}
    chosen = [(lab, shard(proof, number)) for lab, proof in sampled]
    changed = []
    with Pool(sandbox) as pool:
        for findings in try_alone(pool, chosen, [seed], watch):
            changed += [line for found in findings for line in _changed(proofs[found.lab], found)]
        named = [(lab, [name for name in names if name.startswith(MISCONCEPTION)]) for lab, names in chosen]
        jobs = [job for lab, names in named for job in trials.diagnosed(lab, names, [seed])]
        for findings in run(pool, jobs, watch):
            changed += [line for found in findings for line in _told(found)]
    return changed


def _changed(proof: Proof, found: Finding) -> list[str]:
    """How a target did otherwise than its proof says."""
    before, now = set(proof.targets[found.target].fails), set(found.fails)
    faults = [f"now passes {test}" for test in sorted(before - now)] + [
        f"now fails {test}" for test in sorted(now - before)
    ]
    return _told(found._replace(faults=[*faults, *found.faults]))


def _told(found: Finding) -> list[str]:
    return [f"{found.lab}: {found.target}: {fault} (secret {found.seed})" for fault in found.faults]


def _kept(proof: Proof, name: str, print_: str) -> bool:
    """Whether a target was proved on the lab's present code, by whatever engine."""
    found = proof.targets.get(name)
    diagnosed = found is not None and (found.diagnosed >= DIAGNOSED or not name.startswith(MISCONCEPTION))
    return diagnosed and holds(found, print_, None, SEEDS)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
