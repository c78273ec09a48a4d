"""A parameter used in two places is listed twice."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "What the model uses in two places stands in your groups twice: it would decay, and move, twice in each update.",
    "zh": "模型里用在两处的参数，在你的分组里也出现了两次：每次更新它会衰减两次、移动两次。",
}
FAILS = ["test_matrices_decay_and_vectors_do_not"]
EDIT = (
    "parameter_groups",
    "trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]",
    "trainable = [p for _, p in model.named_parameters(remove_duplicate=False) if p.requires_grad]",
)
