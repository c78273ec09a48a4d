"""The model is frozen after the injection, and the new A and B with it."""

HINT = {
    "en": "You freeze the model after the LoRA layers are in it, and they are frozen as well: nothing "
    "is left to train.",
    "zh": "你是在插入 LoRA 层之后才冻结模型的，把它们也一起冻住了：没有任何参数可训练。",
}
FAILS = [
    "test_everything_but_the_update_is_frozen",
    "test_a_trained_adapter_beats_the_base_on_unseen_answers",
]


_inject_then = inject_lora


def inject_lora(model, targets, r, alpha, dropout=0.0):
    replaced = _inject_then(model, targets, r, alpha, dropout)
    for parameter in model.parameters():
        parameter.requires_grad = False
    return replaced
