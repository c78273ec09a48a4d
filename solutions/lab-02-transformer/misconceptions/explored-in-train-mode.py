"""The model runs in the mode it is in, so that BatchNorm learns from the inputs."""

NOTEBOOK = "explore"
HINT = {
    "en": "You run the model in train mode: dropout is on, and BatchNorm takes your inputs into its statistics.",
    "zh": "你在 train 模式下运行模型：dropout 会生效，BatchNorm 也会把你的输入算进统计量。",
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
    try:
        with torch.no_grad():
            model(inputs, **options)
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes.items():
            module.training = mode
    return report
