"""Instructions for lab 05: conversations with a tutor who always answers in the same three lines.

    Answer: Lima.
    Why: The Peruvian government sits there, on the Pacific coast.
    Your turn: What is the capital of Norway?

The facts are in instructions.json, by topic. In the topics under "training", every fourth fact belongs to the test
split and the others to the training split; the topics under "held_out" are in the test split only. No fact, and no
question that follows an answer, is in both splits.
"""

import json
import random
import re
from functools import cache
from importlib import resources
from typing import Literal

from labkit.i18n import Bilingual, WrongArgument

ChatMessage = dict[str, str]
Split = Literal["train", "test"]

TUTOR_FORM = re.compile(r"Answer: .+\.\nWhy: .+\.\nYour turn: .+[?.]")
GIVING_UP = ("I do not know. Tell me!", "No idea.", "I give up, what is it?", "You tell me.")
FOLLOWED_UP = 0.25  # share of conversations in which the student gives up and the tutor answers its own question


@cache
def _topics() -> dict[str, dict]:
    return json.loads(resources.files("labkit").joinpath("instructions.json").read_text(encoding="utf-8"))


def _facts(split: Split) -> dict[str, tuple[list[str], list[list[str]]]]:
    """Topic -> (ways to ask, facts [subject, answer, reason]) of one split."""
    topics = {}
    for name, topic in _topics()["training"].items():
        in_test = [index % 4 == 3 for index in range(len(topic["facts"]))]
        facts = [fact for fact, test in zip(topic["facts"], in_test, strict=True) if test == (split == "test")]
        topics[name] = (topic["ask"], facts)
    if split == "test":
        topics |= {name: (topic["ask"], topic["facts"]) for name, topic in _topics()["held_out"].items()}
    return topics


def instructions(split: Split) -> list[list[ChatMessage]]:
    """One conversation per fact of the split, shuffled; the same list at every call.

    Returns:
        Chat messages {"role": "user" | "assistant", "content": ...}, two or four per conversation.

    Raises:
        ValueError: split is neither "train" nor "test".
    """
    if split not in ("train", "test"):
        raise WrongArgument(
            Bilingual(
                f'the splits are "train" and "test", not {split!r}', f'split 只能是 "train" 或 "test"，不能是 {split!r}'
            )
        )
    rng = random.Random(f"labkit instructions {split}")
    conversations = []
    for ask, facts in _facts(split).values():
        for position, (subject, answer, reason) in enumerate(facts):
            following = facts[(position + 1) % len(facts)]
            after = facts[(position + 2) % len(facts)]
            next_question = rng.choice(ask).format(x=following[0])
            messages = [
                {"role": "user", "content": rng.choice(ask).format(x=subject)},
                {"role": "assistant", "content": _tutor(answer, reason, next_question)},
            ]
            if rng.random() < FOLLOWED_UP:
                last_question = rng.choice(ask).format(x=after[0])
                messages += [
                    {"role": "user", "content": rng.choice(GIVING_UP)},
                    {"role": "assistant", "content": _tutor(following[1], following[2], last_question)},
                ]
            conversations.append(messages)
    rng.shuffle(conversations)
    return conversations


def _tutor(answer: str, reason: str, next_question: str) -> str:
    return f"Answer: {answer}.\nWhy: {reason}\nYour turn: {next_question}"


def follows_tutor_form(answer: str) -> bool:
    """Whether an answer has the three lines of the tutor, and nothing else."""
    return TUTOR_FORM.fullmatch(answer.strip()) is not None
