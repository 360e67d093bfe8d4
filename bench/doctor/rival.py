"""CleanVision's side of compare.py: finds all its issues in a folder, prints the seconds without imports."""
import contextlib
import io
import sys
import time

from cleanvision import Imagelab

folder, jobs = sys.argv[1], int(sys.argv[2])
began = time.monotonic()
with contextlib.redirect_stdout(io.StringIO()):
    lab = Imagelab(data_path=folder)
    lab.find_issues(n_jobs=jobs, verbose=False)
print(f"seconds {time.monotonic() - began:.3f}")
print(f"pictures {len(lab.issues)}")
