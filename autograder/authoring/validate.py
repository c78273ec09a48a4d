"""`autograder validate`: proves that a lab's hidden suite separates right from wrong, and names the wrong ones.

The reference must get full marks, the starter nothing, every honest variant full marks and no diagnosis. Each
misconception must fail exactly the tests that it declares, under each of five secrets; and under two of them it must
be diagnosed as itself, alone and together with an unrelated second mistake. What is proved is kept in proof.json as it
comes: a second call tries what is new, or what an earlier one did not come to.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from autograder import fingerprint
from autograder.authoring import trials
from autograder.authoring.pool import Job, Pool
from autograder.authoring.proof import MISCONCEPTION, REFERENCE, Fingerprints, Proof, Proved
from autograder.authoring.trials import Finding
from autograder.grading.misconception import load_misconceptions
from autograder.lab import Lab
from autograder.sandbox import choose

SEEDS = 5  # secrets that every target is tried under
DIAGNOSED = 2  # secrets that a misconception is diagnosed under, and combined with a second one
ONLY = " only"  # ends a fault that depends on the secret
LINE = 120  # characters of a line of FAILS


class Watch(NamedTuple):
    """Whom to tell how it goes: `expect` the seconds that come, by estimate; `done` what took some of them."""

    expect: Callable[[float], None] = lambda seconds: None
    done: Callable[[str, float], None] = lambda target, seconds: None


NOBODY = Watch()


def validate(
    lab: Lab, seeds: int = SEEDS, watch: Watch = NOBODY, sandbox: str = choose.DEFAULT, write: bool = False
) -> Proof:
    """Proves what is not proved yet of a lab, and returns its proof, which is in proof.json as well.

    With `write`, the FAILS of a misconception become what it failed, where that was the same under every secret.
    Raises UserError where grading cannot run.
    """
    proof, prints = Proof.load(lab), Fingerprints(lab).all
    proof.targets = {name: found for name, found in proof.targets.items() if name in prints}
    with Pool(sandbox) as pool:
        _prove_alone(pool, lab, proof, prints, seeds, watch)
        if write and _write_fails(lab, proof):
            pool.close()
        if not proof.targets[REFERENCE].faults:
            _prove_diagnosed(pool, lab, proof, min(seeds, DIAGNOSED), watch)
    proof.save(lab)
    return proof


def _prove_alone(pool: Pool, lab: Lab, proof: Proof, prints: dict[str, str], seeds: int, watch: Watch) -> None:
    """Tries the targets that are not proved by themselves."""
    engine = fingerprint.of_engine()
    missing = [name for name in prints if not holds(proof.targets.get(name), prints[name], engine, seeds)]
    if not missing:
        return
    declared = {MISCONCEPTION + name: known.fails for name, known in load_misconceptions(lab).items()}
    for findings in try_alone(pool, [(lab, missing)], range(seeds), watch):
        name = findings[0].target
        faults = _faults(findings)
        if name in declared:
            faults += _undeclared(findings, declared[name])
        proof.targets[name] = Proved(prints[name], len(findings), 0, _always(findings), faults, engine)
        proof.save(lab)


def _prove_diagnosed(pool: Pool, lab: Lab, proof: Proof, seeds: int, watch: Watch) -> None:
    """Diagnoses the misconceptions that were not diagnosed since they were tried by themselves."""
    names = [name for name in proof.misconceptions() if proof.targets[name].diagnosed < seeds]
    for findings in run(pool, [*trials.diagnosed(lab, names, range(seeds))], watch):
        name = findings[0].target
        known = proof.targets[name]
        proof.targets[name] = msgspec.structs.replace(
            known, diagnosed=seeds, faults=[*known.faults, *_faults(findings)]
        )
        proof.save(lab)


def holds(found: Proved | None, print_: str, engine: str | None, seeds: int) -> bool:
    """Whether a target is proved: without a fault, on the present code, under enough secrets; by any engine if None."""
    return (
        found is not None
        and not found.faults
        and found.seeds >= seeds
        and found.fingerprint == print_
        and engine in (None, found.engine)
    )


def waiting(lab: Lab, seeds: int = SEEDS) -> list[str]:
    """The targets of a lab that are not proved: by this engine, on the present code, under so many secrets."""
    proof, engine, wanted = Proof.load(lab), fingerprint.of_engine(), min(seeds, DIAGNOSED)
    return [
        name
        for name, print_ in Fingerprints(lab).all.items()
        if not holds(proof.targets.get(name), print_, engine, seeds)
        or (name.startswith(MISCONCEPTION) and proof.targets[name].diagnosed < wanted)
    ]


def try_alone(
    pool: Pool, chosen: Sequence[tuple[Lab, Sequence[str]]], seeds: Sequence[int], watch: Watch
) -> Iterator[list[Finding]]:
    """The findings of targets by themselves: of each target at once, those under all secrets.

    Where the reference fails, the lab's other targets are not tried.
    """
    references: dict[str, list[Finding]] = {lab.id: [] for lab, _ in chosen}
    seconds: dict[str, dict[str, float]] = {}
    for _, (finding, used) in pool.run([job for lab, _ in chosen for job in trials.references(lab, seeds)]):
        references[finding.lab].append(finding)
        seconds[finding.lab] = used
    yield from references.values()
    right = [(lab, names) for lab, names in chosen if not any(each.faults for each in references[lab.id])]
    jobs = [job for lab, names in right for job in trials.alone(lab, names, seeds, seconds[lab.id])]
    yield from run(pool, jobs, watch)


def run(pool: Pool, jobs: Sequence[Job], watch: Watch) -> Iterator[list[Finding]]:
    """What the jobs find, each as it ends."""
    watch.expect(sum(job.seconds for job in jobs))
    for job, findings in pool.run(jobs):
        watch.done(findings[0].target, job.seconds)
        yield findings


def _faults(findings: Sequence[Finding]) -> list[str]:
    return [f"{fault} (secret {found.seed})" for found in findings for fault in found.faults]


def _always(findings: Sequence[Finding]) -> list[str]:
    """The tests that were failed under every secret, in their order."""
    others = [set(found.fails) for found in findings]
    return [test for test in findings[0].fails if all(test in fails for fails in others)]


def _undeclared(findings: Sequence[Finding], declared: Sequence[str]) -> list[str]:
    """How what a misconception failed differs from what it is declared to fail."""
    tests = {test for found in findings for test in found.fails}
    under = {test: [found.seed for found in findings if test in found.fails] for test in tests}
    faults = [] if under or declared else ["fails no test: a misconception nobody catches is a bug of the suite"]
    for test in sorted({*under, *declared}):
        seeds = under.get(test, [])
        if 0 < len(seeds) < len(findings):
            faults.append(f"fails {test} under the secrets {', '.join(map(str, seeds))}{ONLY}")
        elif seeds and test not in declared:
            faults.append(f"fails {test}, which it should pass")
        elif not seeds:
            faults.append(f"passes {test}, which it should fail")
    return faults


def _write_fails(lab: Lab, proof: Proof) -> list[str]:
    """Writes into FAILS what a misconception failed, where that was the same under every secret; which were written."""
    declared = {MISCONCEPTION + name: known for name, known in load_misconceptions(lab).items()}
    written = []
    for name in proof.misconceptions():
        found, known = proof.targets[name], declared[name]
        wavers = any(fault.endswith(ONLY) for fault in found.faults)
        if found.fails and not wavers and sorted(found.fails) != sorted(known.fails):
            kept = [test for test in known.fails if test in found.fails]
            _replace_fails(lab, known.id, kept + [test for test in found.fails if test not in kept])
            written.append(name)
    prints = Fingerprints(lab).all
    for name in written:
        found = proof.targets[name]
        proof.targets[name] = msgspec.structs.replace(found, fingerprint=prints[name], faults=[], diagnosed=0)
    return written


def _replace_fails(lab: Lab, name: str, fails: list[str]) -> None:
    path = lab.misconceptions[name]
    text = path.read_text(encoding="utf-8")
    node = next(
        node
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FAILS"
    )
    line = f"FAILS = {json.dumps(fails)}"
    if len(line) > LINE:
        line = "FAILS = [\n" + "".join(f"    {json.dumps(test)},\n" for test in fails) + "]"
    lines = text.split("\n")
    lines[node.lineno - 1 : node.end_lineno] = [line]
    path.write_text("\n".join(lines), encoding="utf-8")
