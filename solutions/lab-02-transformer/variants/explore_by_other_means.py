"""Parameters by name, subtotals by prefix, hooks in an ExitStack, FLOPs by the shape of the weight."""

import contextlib
import math

NOTEBOOK = "explore"


def own_parameters(model):
    own = {path: 0 for path, _ in model.named_modules()}
    for name, parameter in model.named_parameters():  # each tensor once, by its first name
        own[name.rpartition(".")[0]] += parameter.numel()
    return own


def subtotals(own):
    return {
        path: sum(n for other, n in own.items() if not path or other == path or other.startswith(f"{path}."))
        for path in own
    }


def layer_flops(module, output):
    if type(module).__name__ not in ("Linear", "Conv1D"):
        return 0
    d_in, d_out = module.weight.shape
    return 2 * d_in * d_out * math.prod(output.shape[:-1])


def explore(model, inputs, **options):
    runs = {path: [] for path, _ in model.named_modules()}
    flops = dict.fromkeys(runs, 0)
    sizes = dict.fromkeys(runs, 0)
    n_tokens = math.prod(inputs.shape[:2])

    def watch(path):
        def hook(module, args, output):
            y = first_tensor(output)
            runs[path].append(y.shape)
            flops[path] += layer_flops(module, y)
            sizes[path] += y.nbytes

        return hook

    with contextlib.ExitStack() as stack:
        for path, module in model.named_modules():
            stack.callback(setattr, module, "training", module.training)
            stack.callback(module.register_forward_hook(watch(path)).remove)
        model.eval()
        with torch.inference_mode():
            model(inputs, **options)
    kinds = {path: module.__class__.__name__ for path, module in model.named_modules()}
    return Report(
        kinds,
        own_parameters(model),
        {path: [tuple(shape) for shape in shapes] for path, shapes in runs.items()},
        {path: number / n_tokens for path, number in flops.items()},
        {path: number / n_tokens for path, number in sizes.items()},
    )


def attention_shape(config):
    layers, heads = config.num_hidden_layers, config.num_attention_heads
    named = config.to_dict()
    return (
        layers,
        heads,
        named.get("num_key_value_heads") or heads,
        named.get("head_dim") or config.hidden_size // heads,
    )
