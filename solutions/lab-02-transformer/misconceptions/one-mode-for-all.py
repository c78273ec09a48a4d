"""model.train(mode) gives every module the mode of the root."""

NOTEBOOK = "explore"
HINT = {
    "en": "You restore the mode of the whole model with one call. A part that was in eval mode is now in train mode.",
    "zh": "你用一次调用恢复了整个模型的模式，原来处于 eval 模式的那部分现在成了 train 模式。",
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

    training = model.training
    hooks = [module.register_forward_hook(record) for module in paths]
    try:
        with torch.no_grad():
            model.eval()(inputs, **options)
    finally:
        for hook in hooks:
            hook.remove()
        model.train(training)
    return report
