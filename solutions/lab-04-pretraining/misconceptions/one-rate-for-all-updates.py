"""The rate is max_lr throughout."""

NOTEBOOK = "continued"
HINT = {
    "en": "All your updates have the rate max_lr: there is neither a warm-up nor a decay.",
    "zh": "你的每次更新都用 max_lr：既没有预热，也没有降下来。",
}
FAILS = ["test_the_updates_are_those_asked_for"]
EDIT = (
    "continue_pretraining",
    'group["lr"] = rewarmed_lr(step, config.last_lr, config.max_lr, config.min_lr, config.warmup, config.steps)',
    'group["lr"] = config.max_lr',
)
