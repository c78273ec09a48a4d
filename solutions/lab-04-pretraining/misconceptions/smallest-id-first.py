"""The pair whose result has the smallest id is merged first, as if ids were ranks."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "You merge the pair whose result has the smallest id. The order is that of the list of merges, and ids need not follow it.",
    "zh": "你先合并的是结果 id 最小的相邻对。次序以合并列表为准，id 不一定照这个次序排。",
}
FAILS = ["test_merges_apply_in_the_order_of_their_ranks"]


class Tokenizer(Tokenizer):
    def _encode_word(self, word):
        ids = [self._ids[bytes([byte])] for byte in word]
        while found := [(self._merges[pair][1], pair) for pair in pairwise(ids) if pair in self._merges]:
            new_id, pair = min(found)
            ids = merge_pair(ids, pair, new_id)
        return ids
