"""The first pair from the left that is in the list of merges is merged."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "You merge the first pair from the left that can be merged. The pair with the lowest rank goes first, wherever it is.",
    "zh": "你合并的是从左数第一个能合并的相邻对。应当先合并次序最靠前的，不管它在哪里。",
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
        while pair := next((pair for pair in pairwise(ids) if pair in self._merges), None):
            ids = merge_pair(ids, pair, self._merges[pair][1])
        return ids
