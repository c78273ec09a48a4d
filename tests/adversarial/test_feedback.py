"""What a report may say. The sandbox knows no expected value; what is left is what student code says of its inputs."""

import re

import pytest

SAY = {
    "the values of its input": "raise ValueError(str(x.tolist()))",
    "the values, in another notation": "raise ValueError(' '.join(f'{v:.9e}' for v in x.flatten().tolist()))",
    "the values in its own class's name": "raise type(str(x.tolist()), (Exception,), {})",
    "everything, at length": "raise ValueError(str(x.tolist()) * 10_000)",
}


@pytest.mark.parametrize("what", SAY)
def test_a_message_does_not_carry_out_the_hidden_input(arena, what):
    report = arena.disrupt(SAY[what])
    for test in (test for problem in report.problems for test in problem.tests):
        assert not re.search(r"\d\.\d{3}", test.message)
        assert len(test.message) < 1_200


@pytest.mark.parametrize("at_load", [False, True], ids=["in a call", "at load"])
def test_control_characters_do_not_reach_a_terminal(arena, at_load):
    forged = r"raise ValueError('\x1b[2J\x1b[31m16/16\x1b]8;;http://x\x07\x9b\u202e\u2066\x00')"
    report = arena.disrupt(at_load=forged) if at_load else arena.disrupt(forged)
    texts = [test.message for problem in report.problems for test in problem.tests] + report.submission.notes
    assert any("16/16" in text for text in texts)
    assert all(character.isprintable() or character == "\n" for text in texts for character in text)


def test_a_message_of_several_lines_forges_no_line_of_the_report(arena):
    report = arena.disrupt(r"raise ValueError('no\nsoftmax: 4 / 4\r\n\u2028\x0b4 / 4  test_softmax_values: passed')")
    messages = [test.message for problem in report.problems for test in problem.tests if test.message]
    assert any("no softmax: 4 / 4" in message for message in messages)
    assert not [message for message in messages if len(message.splitlines()) > 1]


def test_a_hostile_name_of_a_class_is_shown_harmlessly(arena):
    report = arena.disrupt(softmax="softmax = type('\\x1b[2J' + 'A' * 1000, (), {'__init__': lambda *a: None})")
    text = report.to_json().decode()
    assert "\\u001b" not in text
    assert "A" * 101 not in text


def test_notes_of_loading_are_bounded(arena):
    flood = "\n".join(f"!pip install {'x' * 300}{i}" for i in range(30))
    forged = r"child.cells.Loaded.summary = lambda self: [child.Bilingual('\x1b' + 'n' * 1_000, '\x1b' * 1_000)] * 100"
    report = arena.disrupt(at_load=f"{flood}\n{forged}")
    assert len(report.submission.notes) <= 40
    assert all(len(note) <= 300 and note.isprintable() for note in report.submission.notes)


def test_the_report_of_a_forged_failure_is_bounded(arena):
    body = """
words = {"message": "M" * 400_000, "chinese": "Z" * 400_000, "text": "X" * 400_000, "cell": "C" * 400_000}
failure = {"type": "T" * 400_000, "line": 1, **words}
forge(id=request_id(), error=failure)
"""
    arena.disrupt(body)  # the arena bounds the length of every report
