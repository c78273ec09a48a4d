"""The model stays in eval mode."""

NOTEBOOK = "explore"
HINT = {
    "en": "You switch the model to eval mode, and leave it there.",
    "zh": "你把模型切到了 eval 模式，之后没有切回来。",
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

    hooks = [module.register_forward_hook(record) for module in paths]
    try:
        with torch.no_grad():
            model.eval()(inputs, **options)
    finally:
        for hook in hooks:
            hook.remove()
    return report
