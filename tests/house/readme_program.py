"""Takes the program out of a page: readme_program.py PAGE OUT.c [--pieces]

The one block that has a main(); with --pieces all blocks of C, one after the other."""
import re
import sys

text = open(sys.argv[1], encoding="utf-8").read()
blocks = re.findall(r"^```c\n(.*?)^```$", text, re.M | re.S)
mains = [block for block in blocks if "int main(" in block]
if len(mains) != 1:
    sys.exit(f"{sys.argv[1]} holds {len(mains)} programs, not one")
with open(sys.argv[2], "w", encoding="utf-8") as out:
    out.write("\n".join(blocks) if "--pieces" in sys.argv else mains[0])
