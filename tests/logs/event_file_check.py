#!/usr/bin/python3
"""Reads a run's TensorBoard event files by their specification alone, and compares them with the
run's metrics.csv and metrics.jsonl.

Usage: event_file_check.py RUN

Checked: the frames (TFRecord: length, masked CRC-32C, data, masked CRC-32C), the protocol buffers
(tensorflow.Event), the first record of each file, that steps rise, and that the points that
TensorBoard shows (a session log START drops what older files have from its step on) are the rows of
metrics.csv, as float32, and that metrics.jsonl has the same names in the same order.
"""

import csv
import glob
import json
import math
import struct
import sys


def crc32c_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


TABLE = crc32c_table()


def masked_crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def records(path):
    data = open(path, "rb").read()
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        (crc,) = struct.unpack_from("<I", data, at + 8)
        assert crc == masked_crc32c(data[at : at + 8]), f"{path}: checksum of a length at {at}"
        record = data[at + 12 : at + 12 + length]
        assert len(record) == length, f"{path}: a record is cut short at {at}"
        (crc,) = struct.unpack_from("<I", data, at + 12 + length)
        assert crc == masked_crc32c(record), f"{path}: checksum of a record at {at}"
        yield record
        at += 16 + length


def fields(message):
    """(number, value) of each field of a protocol buffer; a value is an int, or bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = varint()
        kind = key & 7
        if kind == 0:
            yield key >> 3, varint()
            continue
        size = {1: 8, 5: 4}.get(kind)
        if size is None:
            assert kind == 2, f"wire type {kind}"
            size = varint()
        yield key >> 3, message[at : at + size]
        at += size
    assert at == len(message)


def events(path):
    """(step, {tag: float32}, file version or None, whether a session starts) of each record."""
    for record in records(path):
        step, values, version, starts, wall_time = 0, {}, None, False, None
        for number, value in fields(record):
            if number == 1:
                (wall_time,) = struct.unpack("<d", value)
            elif number == 2:
                step = value
            elif number == 3:
                version = value.decode()
            elif number == 5:  # summary
                for each, body in fields(value):
                    assert each == 1
                    entry = dict(fields(body))
                    (values[entry[1].decode()],) = struct.unpack("<f", entry[2])
            elif number == 7:  # session log
                starts = dict(fields(value)).get(1) == 1
        assert wall_time is not None and wall_time > 1e9
        yield step, values, version, starts


def main():
    run = sys.argv[1]
    paths = sorted(glob.glob(run + "/events.out.tfevents.*"),
                   key=lambda p: [int(n) for n in (p.split(".")[3], p.split(".")[-2], p.split(".")[-1])])
    assert paths
    points = {}
    for file_number, path in enumerate(paths):
        every = list(events(path))
        assert every[0][2] == "brain.Event:2", path
        if file_number > 0:
            assert every[1][3], f"{path} does not start a session"
            for step in [s for s in points if s >= every[1][0]]:
                del points[step]
        last = -1
        for step, values, version, starts in every[1:]:
            if starts:
                continue
            assert version is None and step > last, (path, step)
            last = step
            points[step] = values

    with open(run + "/metrics.csv", newline="") as f:
        header, *rows = list(csv.reader(f))
    lines = [json.loads(line) for line in open(run + "/metrics.jsonl")]
    assert header[0] == "step" and len(rows) == len(lines) == len(points)
    for row, line in zip(rows, lines):
        assert list(line) == header
        step = int(row[0])
        assert line["step"] == step
        assert list(points[step]) == header[1:], (step, list(points[step]))
        for name, text in zip(header[1:], row[1:]):
            value = float(text) if text else math.nan
            (rounded,) = struct.unpack("<f", struct.pack("<f", value))
            point = points[step][name]
            assert point == rounded or (math.isnan(point) and math.isnan(rounded)), (step, name)
            assert line[name] == value or (line[name] is None and not math.isfinite(value))
    print(f"{len(paths)} files, {len(points)} points of {','.join(header[1:])}")


if __name__ == "__main__":
    main()
