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


def explore(model, inputs, **options):
    paths = {module: path for path, module in model.named_modules()}
    n_tokens = inputs.shape[0] * inputs.shape[1]
    report = Report(
        kinds={path: type(module).__name__ for module, path in paths.items()},
        parameters=own_parameters(model),
        shapes={path: [] for path in paths.values()},
        flops=dict.fromkeys(paths.values(), 0.0),
        output_bytes=dict.fromkeys(paths.values(), 0.0),
    )

    def record(module, args, output):
        path, y = paths[module], first_tensor(output)
        report.shapes[path].append(tuple(y.shape))
        report.flops[path] += layer_flops(module, y) / n_tokens
        report.output_bytes[path] += y.numel() * y.element_size() / n_tokens

    modes = {module: module.training for module in paths}
    hooks = [module.register_forward_hook(record) for module in paths]
    try:
        with torch.no_grad():
            model.eval()(inputs, **options)
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes.items():
            module.training = mode
    ran = [path for path in report.shapes if report.shapes[path]]
    report.shapes, report.flops, report.output_bytes = (
        {path: column[path] for path in ran} for column in (report.shapes, report.flops, report.output_bytes)
    )
    return report
