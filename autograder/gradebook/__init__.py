"""Cohorts over nbgrader: gradebook, converters and exchange come from nbgrader, the scores from our grader."""
