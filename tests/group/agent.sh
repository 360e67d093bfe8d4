#!/bin/sh
# For mpirun in place of ssh: agent.sh HOST COMMAND... runs the command "on" the other host of check_ranks.py, a
# network namespace with a name of its own.
shift
exec ip netns exec "$TENON_FAR" unshare --uts sh -c "hostname $TENON_FAR; $*"
