#!/usr/bin/python3
"""Checks with h5py that a folder is a Minari dataset, by Minari's documentation alone, and that its
episodes are those of a rollout file.

Usage: minari_check.py DATASET ROLLOUTS.h5 [INDEX…]   (the episodes that were exported; all)
"""

import json
import math
import re
import sys

import h5py
import numpy as np


def check_space(text, kind, size):
    """The space as gymnasium's classes would take it."""
    space = json.loads(text)  # takes Infinity, as Python's own json writes it
    assert space["type"] == kind, space
    if kind == "Discrete":
        assert space["dtype"] == "int64" and space["start"] == 0 and space["n"] > 0
        return
    shape = tuple(space["shape"])
    assert math.prod(shape) == size and np.dtype(space["dtype"]) == np.float32
    low, high = np.array(space["low"], np.float32), np.array(space["high"], np.float32)
    assert low.shape == high.shape == shape and (low <= high).all()
    assert all(isinstance(x, float) for x in np.ravel(np.array(space["low"], object)))


def main():
    folder, rollouts = sys.argv[1:3]
    metadata = json.load(open(folder + "/data/metadata.json"))
    source = h5py.File(rollouts)
    table, steps = source["episodes"], source["steps"]
    chosen = [int(i) for i in sys.argv[3:]] or list(range(len(table["length"])))

    for key in ("total_episodes", "total_steps"):
        assert isinstance(metadata[key], int), key
    assert metadata["data_format"] == "hdf5"
    assert re.fullmatch(r"([-\w]+/)*[-\w]+-v\d+", metadata["dataset_id"])
    assert folder.endswith(metadata["dataset_id"])
    assert isinstance(metadata["minari_version"], str) and metadata["algorithm_name"]
    env_spec = json.loads(metadata["env_spec"])
    assert env_spec["id"] == source.attrs["env"] and env_spec["additional_wrappers"] == []
    assert set(env_spec) >= {"entry_point", "max_episode_steps", "reward_threshold", "kwargs"}
    discrete = json.loads(metadata["action_space"])["type"] == "Discrete"
    check_space(metadata["observation_space"], "Box", steps["observations"].shape[1])
    check_space(metadata["action_space"], "Discrete" if discrete else "Box",
                steps["actions"].shape[1])

    total = 0
    with h5py.File(folder + "/data/main_data.hdf5") as file:
        assert set(file) == {f"episode_{i}" for i in range(len(chosen))}
        for i, index in enumerate(chosen):
            group = file[f"episode_{i}"]
            start, length = table["start"][index], table["length"][index]
            rows = slice(start, start + length)
            assert group.attrs["id"] == i and group.attrs["total_steps"] == length
            assert group.attrs["seed"] == table["seed"][index]
            for name in ("observations", "actions", "rewards", "terminations", "truncations"):
                assert group[name].chunks and group[name].maxshape[0] is None, name
            observations = group["observations"][:]
            assert observations.shape[0] == length + 1
            observations = observations.reshape(length + 1, -1)
            assert np.array_equal(observations[:-1], steps["observations"][rows])
            assert np.array_equal(observations[-1], table["final_observation"][index])
            actions = group["actions"][:]
            assert actions.dtype == (np.int64 if discrete else np.float32)
            assert actions.ndim == (1 if discrete else 2)
            assert np.array_equal(actions.reshape(length, -1), steps["actions"][rows])
            assert np.array_equal(group["rewards"][:], steps["rewards"][rows])
            for name, ours in (("terminations", "terminated"), ("truncations", "truncated")):
                assert group[name].dtype == np.bool_
                assert np.array_equal(group[name][:], steps[ours][rows].astype(bool))
            infos = group["infos"]
            for name in ("raw_actions", "log_probs", "values", "distributions"):
                assert np.array_equal(infos[name][:], steps[name][rows]), name
            assert infos["return"][0] == table["return"][index]
            total += int(length)
    assert metadata["total_episodes"] == len(chosen) and metadata["total_steps"] == total
    print(f"{len(chosen)} episodes, {total} steps")


if __name__ == "__main__":
    main()
