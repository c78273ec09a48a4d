"""The id of a byte is taken to be its value."""

NOTEBOOK = "tokenizer"
HINT = {
    "en": "You use the value of a byte as its id. Look the id up in vocab.",
    "zh": "你把字节的值直接当作它的 id。应当到 vocab 里去查。",
}
FAILS = ["test_merges_apply_in_the_order_of_their_ranks"]


class Tokenizer(Tokenizer):
    def _encode_word(self, word):
        ids = list(word)
        while found := [(*self._merges[pair], pair) for pair in pairwise(ids) if pair in self._merges]:
            _, new_id, pair = min(found)
            ids = merge_pair(ids, pair, new_id)
        return ids
