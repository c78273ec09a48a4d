"""The hooks come off only when the forward pass went well."""

NOTEBOOK = "explore"
HINT = {
    "en": "When the forward pass raises, the line that removes your hooks is never reached.",
    "zh": "前向中途抛异常时，取下钩子的那行代码根本没执行到。",
}
FAILS = [
    "test_the_model_is_left_as_it_was",
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
    model.eval()
    try:
        with torch.no_grad():
            model(inputs, **options)
        for hook in hooks:
            hook.remove()
    finally:
        for module, mode in modes.items():
            module.training = mode
    return report
