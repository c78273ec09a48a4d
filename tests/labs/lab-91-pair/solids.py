# %% [markdown] tags=["en"]
# # Solids
# %% [markdown] tags=["zh"]
# # 立体
# %% tags=["export"]
import labkit

shapes = labkit.notebook("shapes")


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "cube-solution", "cell_type": "code"}
def cube(side: float) -> float:
    """The volume of a cube."""
    ### BEGIN SOLUTION
    return side * shapes.square(side)
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "points": 2, "schema_version": 3, "grade_id": "cube", "cell_type": "code"}
labkit.check("cube")


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "prism-solution", "cell_type": "code"}
def prism(base: float, height: float, length: float) -> float:
    """The volume of a prism over a triangle."""
    ### BEGIN SOLUTION
    return shapes.Triangle(base, height).area() * length
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "points": 2, "schema_version": 3, "grade_id": "prism", "cell_type": "code"}
labkit.check("prism")


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "box-solution", "cell_type": "code"}
def box(width: float, depth: float, height: float) -> float:
    """The volume of a box."""
    ### BEGIN SOLUTION
    return width * depth * height
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "points": 2, "schema_version": 3, "grade_id": "box", "cell_type": "code"}
labkit.check("box")
