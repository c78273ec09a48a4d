"""Gradients are not clipped."""

NOTEBOOK = "continued"
HINT = {
    "en": "Your gradients are not clipped: the first batches of an unfamiliar text move the model far.",
    "zh": "你没有裁剪梯度：陌生文本的头几批会让模型偏离很远。",
}
FAILS = ["test_the_updates_are_those_asked_for"]
EDIT = ("continue_pretraining", "        nn.utils.clip_grad_norm_(trained, config.max_norm)\n", "")
