"""The `lab` command: a student's work on a lab, JupyterLab for it, public checks and handing in."""
