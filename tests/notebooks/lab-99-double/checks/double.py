from typing import Any

from labkit.check import case, fail


@case("double", en="twice 2 is 4", zh="2 的两倍是 4")
def twice_two(student: Any) -> None:
    if student.double(2) != 4:
        fail("Twice 2 should be 4.", "2 的两倍应当是 4。")


@case("triple", en="three times 1 is 3", zh="1 的三倍是 3")
def three_times_one(student: Any) -> None:
    if student.triple(1) != 3:
        fail("Three times 1 should be 3.", "1 的三倍应当是 3。")
