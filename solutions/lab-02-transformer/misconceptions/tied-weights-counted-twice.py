"""A tensor that two modules share counts at both of them."""

NOTEBOOK = "explore"
HINT = {
    "en": "Where the head is the embedding, you count one tensor at two places.",
    "zh": "输出头和嵌入是同一个张量，你在两处各数了一次。",
}
FAILS = ["test_every_parameter_is_counted_once"]


def own_parameters(model):
    return {
        path: sum(parameter.numel() for parameter in module.parameters(recurse=False))
        for path, module in model.named_modules()
    }
