# %% [markdown] tags=["en"]
# # Double

# %% [markdown] tags=["zh"]
# # 加倍

# %% tags=["export"]
import labkit


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "double-solution", "cell_type": "code"}
def double(x):
    """Twice x."""
    ### BEGIN SOLUTION
    twice_the_argument_as_asked = [x, x]
    return sum(twice_the_argument_as_asked)
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 60, "schema_version": 3, "grade_id": "double", "cell_type": "code"}
labkit.check("double")


# %% tags=["export"] nbgrader={"grade": false, "locked": false, "solution": true, "task": false, "schema_version": 3, "grade_id": "triple-solution", "cell_type": "code"}
def triple(x):
    """Three times x."""
    ### BEGIN SOLUTION
    three_times_the_argument_as_asked = [x, x, x]
    return sum(three_times_the_argument_as_asked)
    ### END SOLUTION


# %% nbgrader={"grade": true, "locked": true, "solution": false, "task": false, "points": 40, "schema_version": 3, "grade_id": "triple", "cell_type": "code"}
labkit.check("triple")

# %%
double(2)
