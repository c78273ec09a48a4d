"""Every hidden test rests on a sentence that students read, and what it says to them is in both languages."""

import pytest

from autograder import source
from autograder.authoring.hidden_tests import HiddenTest, hidden_tests
from autograder.authoring.verify import verify
from autograder.errors import UserError
from autograder.lab import Lab

SUITE = "hidden/test_double.py"
TESTS = [(lab, test) for lab in Lab.all() for test in hidden_tests(lab)]


@pytest.mark.parametrize(("lab", "test"), TESTS, ids=[f"{lab.id}:{test.name}" for lab, test in TESTS])
def test_a_hidden_test_rests_on_sentences_of_the_release(lab: Lab, test: HiddenTest):
    """`pytest -rP` lists them: each test of each lab, and the sentences that settle what it asks."""
    print(*test.rests_on, sep="\n")
    cells = [cell.source for name in lab.notebooks for cell in source.release(lab, name).cells]
    read = " ".join(" ".join(cells).split())
    assert [quote for quote in test.rests_on if " ".join(quote.split()) not in read] == []


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ("", "test_triples: write @pytest.mark.problem.*rests_on"),
        ('rests_on="Four times x.",', "test_triples: no sentence of the release reads 'Four times x.'"),
        ('rests_on=["Three times x.", "Twice y."],', "no sentence of the release reads 'Twice y.'"),
        ("rests_on=[],", "rests_on takes a sentence, or a list of sentences"),
        ('rests_on=" ",', "rests_on takes a sentence, or a list of sentences"),
        ('rests_on="Three\\n   times x.",', None),
    ],
)
def test_a_test_without_a_sentence_is_refused(lab, edit, new, message):
    edit('rests_on="Three times x.",', new, SUITE)
    if message is None:
        verify(lab)
        return
    with pytest.raises(UserError, match=message):
        verify(lab)


@pytest.mark.parametrize(
    "call",
    [
        'expect.equal(student.triple(2), 6, "three times two")',
        'expect.close(student.triple(2), 6, what=f"the triple of {2}")',
        'expect.that(student.triple(2) == 6, "it should be six")',
    ],
)
def test_english_alone_in_a_message_is_refused(lab, edit, call):
    edit("assert student.triple(2) == 6", call, SUITE)
    with pytest.raises(UserError, match=r"test_double\.py:\d+: students read .*: write Bilingual"):
        verify(lab)


@pytest.mark.parametrize("what", ['"triple(2)"', 'Bilingual("three times two", "2 的三倍")', "named"])
def test_a_name_of_the_code_and_a_message_in_both_languages_are_not(lab, edit, what):
    edit("assert student.triple(2) == 6", f"expect.equal(student.triple(2), 6, {what})", SUITE)
    verify(lab)
