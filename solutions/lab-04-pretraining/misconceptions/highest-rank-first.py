"""The pair that was learnt last is merged first."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "You merge the pair with the highest rank first. The merges that were learnt first go first.",
    "zh": "你先合并了次序最靠后的相邻对。先学到的应当先合并。",
}
FAILS = [
    "test_ids_agree_with_tiktoken",
    "test_merges_apply_in_the_order_of_their_ranks",
    "test_special_tokens_become_one_id_each",
    "test_the_time_of_encoding_does_not_grow_with_merges",
]


class Tokenizer(Tokenizer):
    def _encode_word(self, word):
        ids = [self._ids[bytes([byte])] for byte in word]
        while found := [(*self._merges[pair], pair) for pair in pairwise(ids) if pair in self._merges]:
            _, new_id, pair = max(found)
            ids = merge_pair(ids, pair, new_id)
        return ids
