#!/usr/bin/env python3
"""Writes proto.h: a text and what protoc makes of it, for tests/io/test_proto.c. Needs protoc (protobuf-compiler)."""
import subprocess
import tempfile

SCHEMA = """syntax = "proto2";
package t;
enum Kind { MAX = 0; AVE = 1; STOCHASTIC = -2; }
message Node {
  optional string name = 1;
  repeated int64 pads = 2 [packed = true];
  repeated uint32 sizes = 3;
  optional float slope = 4;
  optional double fine = 5;
  optional bool on = 6;
  optional Kind kind = 7;
  repeated float data = 8 [packed = true];
  repeated float loose = 9;
  optional bytes raw = 10;
  repeated Node child = 11;
  repeated string words = 16;
  optional int32 far = 536870911;
}
"""
TEXT = r'''# a comment
name: "one \"two\"\n\x41\101" ' and three'
pads: [1, -1, 0x10, 010, -9223372036854775808]
pads: 9223372036854775807;
sizes: 7 sizes: 4294967295,
slope: -1.5e-3f  fine: 0.1 on: true kind: STOCHASTIC
data: 1 data: 2.5 data: -inf
loose: [.5, 1e38, 3.]
raw: "\000\377\t"
child { name: "inner" child < kind: AVE > }
child: { on: false, words: "a"; words: "" }
words: ["x", "y" "z"]
far: -3
'''
with tempfile.TemporaryDirectory() as folder:
    with open(folder + "/t.proto", "w") as f:
        f.write(SCHEMA)
    wire = subprocess.run(["protoc", "-I" + folder, "--encode=t.Node", "t.proto"], input=TEXT.encode(),
                          stdout=subprocess.PIPE, check=True).stdout
with open("proto.h", "w") as out:
    out.write("/* Made by make_proto.py. */\nstatic const char proto_text[] =\n")
    for line in TEXT.splitlines():
        out.write('    "' + line.replace("\\", "\\\\").replace('"', '\\"') + '\\n"\n')
    out.write("    "";\nstatic const unsigned char proto_wire[] = {\n")
    for i in range(0, len(wire), 16):
        out.write("    " + " ".join(f"0x{b:02x}," for b in wire[i:i + 16]) + "\n")
    out.write("};\n")
