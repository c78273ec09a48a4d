"""Every number of an output is taken to be float32."""

NOTEBOOK = "explore"
HINT = {
    "en": "You count four bytes for every number. Which dtype does the output have?",
    "zh": "你给每个数都算了 4 字节。输出是什么 dtype？",
}
FAILS = [
    "test_shapes_and_memory_of_every_run",
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
        report.output_bytes[path] += y.numel() * 4 / n_tokens

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
    return report
