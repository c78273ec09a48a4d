"""The targets are the inputs themselves."""

NOTEBOOK = "pretrain_gpt"
HINT = {
    "en": "Your targets are the inputs: the model is asked to repeat what it reads, and its loss becomes implausibly low.",
    "zh": "你的目标就是输入本身：模型只需复述读到的内容，损失会低得离谱。",
}
FAILS = [
    "test_the_loss_of_shifted_targets",
    "test_bits_per_byte_of_a_text",
    "test_a_trained_gpt_beats_pairs_of_letters",
]
EDIT = ("inputs_and_targets", "return rows[:, :-1], rows[:, 1:]", "return rows[:, :-1], rows[:, :-1]")
