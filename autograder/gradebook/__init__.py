"""Cohorts over nbgrader: gradebook, converters and exchange are nbgrader's, the scores our grader's."""
