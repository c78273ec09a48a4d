"""Modules that never ran are not in the report."""

NOTEBOOK = "explore"
HINT = {
    "en": "A module that never runs is missing in your report. It has a path all the same, and an empty list.",
    "zh": "从未运行的模块在你的报告里不见了。它照样有路径，只是列表为空。",
}
FAILS = [
    "test_shapes_and_memory_of_every_run",
    "test_flops_of_layers_and_models",
]
EDIT = (
    "explore",
    "return report",
    "ran = [path for path in report.shapes if report.shapes[path]]\n"
    "    report.shapes, report.flops, report.output_bytes = (\n"
    "        {path: column[path] for path in ran} for column in (report.shapes, report.flops, report.output_bytes)\n"
    "    )\n"
    "    return report",
)
