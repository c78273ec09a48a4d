"""The minimum is taken over the hash functions, for each shingle."""

NOTEBOOK = "data"
HINT = {
    "en": "Your signature has one entry per shingle. The minimum goes over the shingles, once for each hash function.",
    "zh": "你的签名是每个 shingle 一项。最小值应在 shingle 上取，每个哈希函数取一次。",
}
FAILS = [
    "test_minhash_is_the_minimum_of_each_hash",
    "test_minhash_dedup_finds_planted_near_duplicates",
]


def minhash(shingles, n_hashes=128, seed=0):
    if not shingles:
        return torch.full((n_hashes,), P)
    a, b = coefficients(n_hashes, seed)
    x = torch.tensor([hash31(shingle) for shingle in sorted(shingles)])
    return ((a * x[:, None] + b) % P).amin(1)
