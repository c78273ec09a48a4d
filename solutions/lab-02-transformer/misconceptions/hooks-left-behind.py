"""The hooks are never removed."""

NOTEBOOK = "explore"
HINT = {
    "en": "Your hooks are still on the model after explore: every later run records again.",
    "zh": "explore 之后你的钩子还挂在模型上：以后每次运行都会再记录一遍。",
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
    for module in paths:
        module.register_forward_hook(record)
    try:
        with torch.no_grad():
            model.eval()(inputs, **options)
    finally:
        for module, mode in modes.items():
            module.training = mode
    return report
