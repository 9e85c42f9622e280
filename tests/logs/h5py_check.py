#!/usr/bin/python3
"""Checks with h5py that files have the layout of docs/file-formats.md.

Usage: h5py_check.py FILE…   (rollouts and checkpoints; which one, the file itself says)
"""

import struct
import sys
import zlib

import h5py
import numpy as np


def check_rollouts(file):
    assert file.attrs["version"] == 2
    assert isinstance(file.attrs["env"], str) and file.attrs["env"]
    assert file.attrs["seed"].dtype == np.uint64
    for name in ("config", "git_version", "costate_version"):
        assert isinstance(file.attrs[name], str), name

    steps, episodes = file["steps"], file["episodes"]
    lengths = episodes["length"][:]
    starts = episodes["start"][:]
    total = int(lengths.sum())
    assert np.array_equal(starts, np.cumsum(lengths) - lengths)

    def column(group, name, dtype, rows, axes):
        dataset = group[name]
        assert dataset.dtype == np.dtype(dtype), (name, dataset.dtype)
        assert dataset.ndim == axes and dataset.shape[0] == rows, (name, dataset.shape)
        assert dataset.chunks is not None and dataset.shuffle, name
        assert (dataset.compression, dataset.compression_opts) == ("gzip", 1), name
        return dataset

    column(steps, "observations", "<f4", total, 2)
    actions = column(steps, "actions", "<f4", total, 2)
    assert column(steps, "raw_actions", "<f4", total, 2).shape == actions.shape
    rewards = column(steps, "rewards", "<f8", total, 1)[:]
    terminated = column(steps, "terminated", "u1", total, 1)[:]
    truncated = column(steps, "truncated", "u1", total, 1)[:]
    column(steps, "log_probs", "<f4", total, 1)
    column(steps, "values", "<f4", total, 1)
    if "distributions" in steps:
        distributions = column(steps, "distributions", "<f4", total, 2)
        names = distributions.attrs["names"]
        assert len(names) == distributions.shape[1] and all(isinstance(n, str) for n in names)

    # The header's checksum, over its texts, the seed and the names of columns.
    texts = {k: v for k, v in file.attrs.items() if isinstance(v, str)}
    words = [w for k in sorted(texts, key=str.encode) for w in (k, texts[k])]
    words += ["seed", str(file.attrs["seed"])]
    for named in ("steps/distributions", "episodes/drawn"):
        words += list(file[named].attrs["names"]) if named in file else []
    header = "".join(w + "\0" for w in words).encode()
    assert file.attrs["checksum"] == zlib.crc32(header)

    count = len(lengths)
    for name, dtype in (("start", "<i8"), ("length", "<i8"), ("env_index", "<u8"),
                        ("episode", "<u8"), ("seed", "<u8"), ("last_step", "<i8"),
                        ("return", "<f8")):
        column(episodes, name, dtype, count, 1)
    final = column(episodes, "final_observation", "<f4", count, 2)
    assert final.shape[1] == steps["observations"].shape[1]
    if "initial_state" in episodes:
        column(episodes, "initial_state", "u1", count, 2)
        column(episodes, "final_state_hash", "<u8", count, 1)

    checksums = column(episodes, "checksums", "<u4", count, 2)
    names = list(checksums.attrs["names"])
    every = [f"{g}/{n}" for g in ("episodes", "steps") for n in file[g]]
    assert sorted(names) == sorted(set(every) - {"episodes/start", "episodes/checksums"})
    for c, name in enumerate(names):
        values = file[name][:]
        for i in range(count):
            rows = slice(starts[i], starts[i] + lengths[i]) if name[0] == "s" else slice(i, i + 1)
            assert zlib.crc32(values[rows].tobytes()) == checksums[i, c], (name, i)

    for i in range(count):
        rows = slice(starts[i], starts[i] + lengths[i])
        assert np.isclose(rewards[rows].sum(), episodes["return"][i], rtol=1e-9, atol=1e-9)
        ended = (terminated[rows] | truncated[rows]).astype(bool)
        assert not ended[:-1].any(), "an episode ends before its last step"
    return f"{count} episodes, {total} steps"


def check_checkpoint(file, path):
    data = open(path, "rb").read()
    magic, length, crc, version = struct.unpack("<8sQII", data[-24:])
    assert magic == b"COSTATE\n" and version == 1
    assert length == len(data) - 24
    assert crc == zlib.crc32(data[:-24])
    names = []

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            names.append(name)
            text = h5py.check_string_dtype(item.dtype)
            if text:
                assert text.encoding == "utf-8" and item.shape == ()
                item.asstr()[()]
            else:
                assert item.dtype.str in ("<f4", "<f8", "<i8", "<u8", "|u1"), item.dtype
                item[()]

    file.visititems(visit)
    return f"{len(names)} entries"


def main():
    for path in sys.argv[1:]:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") == "costate-rollouts":
                print(f"{path}: rollouts, {check_rollouts(file)}")
            else:
                print(f"{path}: checkpoint, {check_checkpoint(file, path)}")


if __name__ == "__main__":
    main()
