# %% [markdown] tags=["en"]
# # Shapes
# %% [markdown] tags=["zh"]
# # 图形
# %% tags=["export"]
import labkit


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "square-solution", "cell_type": "code"}
def square(side: float) -> float:
    """The area of a square."""
    ### BEGIN SOLUTION
    return side * side
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "points": 2, "schema_version": 3, "grade_id": "square", "cell_type": "code"}
labkit.check("square")


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "triangle-solution", "cell_type": "code"}
class Triangle:
    """A triangle with a base and a height."""

    def __init__(self, base: float, height: float) -> None:
        ### BEGIN SOLUTION
        self.base, self.height = base, height
        ### END SOLUTION

    def area(self) -> float:
        """Half of base times height."""
        ### BEGIN SOLUTION
        return self.base * self.height / 2
        ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "points": 2, "schema_version": 3, "grade_id": "triangle", "cell_type": "code"}
labkit.check("triangle")
