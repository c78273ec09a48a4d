"""The word is taken out of its neighbours, but one too few is fetched before."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "You drop the word itself from n neighbours: n - 1 are left.",
    "zh": "你从 n 个近邻里去掉了这个词自己：只剩 n - 1 个。",
}
FAILS = [
    "test_neighbours_are_those_of_largest_cosine",
]


def nearest(vectors, word, n=5):
    best = F.cosine_similarity(vectors, vectors[word], dim=-1).topk(n)
    return best.indices[1:], best.values[1:]
