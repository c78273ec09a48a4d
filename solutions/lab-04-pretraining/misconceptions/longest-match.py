"""Each pre-token is cut by the longest token of the vocabulary that fits, from the left."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "You take the longest token that fits, from the left. BPE merges pairs by their ranks, and the resulting tokens may be shorter.",
    "zh": "你从左边开始取能匹配的最长 token。BPE 是按次序合并相邻对，结果可能更短。",
}
FAILS = [
    "test_ids_agree_with_tiktoken",
    "test_merges_apply_in_the_order_of_their_ranks",
    "test_special_tokens_become_one_id_each",
    "test_the_time_of_encoding_does_not_grow_with_merges",
]


class Tokenizer(Tokenizer):
    def _encode_word(self, word):
        ids = []
        while word:
            n = next(n for n in range(len(word), 0, -1) if word[:n] in self._ids)
            ids.append(self._ids[word[:n]])
            word = word[n:]
        return ids
