"""Every chosen expert gets the weight of the token's best expert."""

NOTEBOOK = "architectures"
HINT = {
    "en": "All of a token's experts get the weight of the first. At which of the top_k places did this token choose the expert that you are computing?",
    "zh": "一个 token 的所有专家都用了第一名的权重。正在计算的这个专家，在该 token 的 top_k 里排第几？",
}
FAILS = [
    "test_output_is_the_weighted_sum_of_the_chosen",
    "test_gradients_reach_router_and_experts",
    "test_mixtral_agrees_with_hugging_face",
]
EDIT = (
    "MoELayer.forward",
    "token, place = (chosen == number).nonzero(as_tuple=True)\n"
    "            output = output.index_add(0, token, weights[token, place, None] * expert(tokens[token]))",
    "token = (chosen == number).any(-1).nonzero()[:, 0]\n"
    "            output = output.index_add(0, token, weights[token, :1] * expert(tokens[token]))",
)
