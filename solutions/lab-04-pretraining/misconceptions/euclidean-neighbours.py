"""Neighbours by Euclidean distance, in which length counts."""

NOTEBOOK = "embeddings"
HINT = {
    "en": "You look for the smallest distance. A vector that points the same way but is longer is far away by that.",
    "zh": "你找的是距离最小的。方向相同但更长的向量，按距离就算远了。",
}
FAILS = [
    "test_neighbours_are_those_of_largest_cosine",
]


def nearest(vectors, word, n=5):
    distances = (vectors - vectors[word]).norm(dim=-1)
    distances[word] = math.inf
    best = distances.topk(n, largest=False).indices
    return best, F.cosine_similarity(vectors[best], vectors[word], dim=-1)
