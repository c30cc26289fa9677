"""Token buckets: burst, rate, and the bound on how many are kept."""

from chat.buckets import Bucket, Buckets


def test_bucket_gives_its_burst_and_then_its_rate():
    """So many at once, then so many a second."""
    bucket = Bucket(rate=2, burst=3, now=0)

    at_once = [bucket.take(0) for _ in range(4)]
    after_a_second = [bucket.take(1) for _ in range(3)]

    assert at_once == [True, True, True, False]
    assert after_a_second == [True, True, False]


def test_bucket_never_holds_more_than_its_burst():
    """A long silence saves nothing up."""
    bucket = Bucket(rate=2, burst=3, now=0)

    assert bucket.take(1000, 3)
    assert not bucket.take(1000)


def test_bucket_takes_nothing_when_there_is_not_enough():
    """A large request that fails leaves the bucket as it was."""
    bucket = Bucket(rate=1, burst=3, now=0)

    assert not bucket.take(0, 4)
    assert bucket.take(0, 3)


def test_buckets_keep_keys_apart_and_forget_the_oldest():
    """One key's use is not another's; past the bound the one used longest ago begins anew."""
    buckets = Buckets(rate=0, burst=1, most=2)
    buckets.take("alice", 0)

    assert buckets.take("bob", 0)
    assert not buckets.take("alice", 0)
    buckets.take("charlie", 0)
    assert buckets.take("bob", 0)
