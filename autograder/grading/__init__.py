"""From a submission to a report: intake, program, sandboxed session, hidden suite, diagnosis."""
