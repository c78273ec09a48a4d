"""AdamW gets only the learning rate; betas, eps and weight decay stay at their defaults."""

NOTEBOOK = "parallel"
HINT = {
    "en": "Only lr reaches your AdamW. What about betas, eps and weight_decay?",
    "zh": "传到你的 AdamW 的只有 lr。betas、eps、weight_decay 呢？",
}
FAILS = ["test_sharded_adamw_takes_the_steps_of_adamw", "test_each_rank_keeps_its_share_of_the_state"]


class ShardedAdamW(ShardedAdamW):
    def __init__(self, parameters, group, lr=1e-3, **hyper):
        super().__init__(parameters, group, lr=lr)
