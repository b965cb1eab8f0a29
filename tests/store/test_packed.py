"""What a plan says of all its samples is counted as they are packed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.records import Message, Sample
from evalharness.store.packed import PackedSamples

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)


@given(st.lists(st.tuples(st.lists(TEXT, max_size=3), st.lists(TEXT, max_size=4)), max_size=12))
@settings(max_examples=40, deadline=None)
def test_the_counts_are_those_of_the_samples(contents):
    packed = PackedSamples()
    for number, (messages, continuations) in enumerate(contents):
        sample = Sample(
            id=str(number),
            messages=tuple(Message("user", text) for text in messages),
            choices=tuple(continuations),
            continuations=tuple(continuations),
        )
        packed.add(sample, sample.protocol_bytes())
    packed.flush()
    samples = list(packed)
    lengths = [sum(len(message.content) for message in sample.messages) for sample in samples]
    asked = [len(sample.continuations) for sample in samples]
    assert packed.count == len(samples) == len(contents)
    assert packed.characters == sum(lengths)
    assert packed.continuations == sum(asked)
    assert packed.weighed == sum(n * length for n, length in zip(asked, lengths, strict=True))
