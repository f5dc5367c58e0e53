#!/bin/sh
# One command in a machine of its own, from a shell: streams, input, exit status, time limit, the result as JSON.
#
#     examples/one_shot.sh
set -eu

# The guest has a kernel of its own. Its stdout and stderr are the command's, byte for byte.
pyro run debian:12-base -- uname -sr

# What is piped in reaches the command; what it writes can be piped on.
printf 'b\na\n' | pyro run debian:12-base -- sort | tr a-z A-Z

# The exit status is the command's.
status=0
pyro run debian:12-base -- sh -c 'echo "this goes to stderr" >&2; exit 3' || status=$?
echo "exit status $status"

# 124 when its time is over. All that it has started is gone then.
status=0
pyro run debian:12-base --timeout-seconds 2 -- sleep 60 || status=$?
echo "exit status $status"

# For programs: what it wrote, how it ended, what stood between it and this host (isolation).
pyro run debian:12-base --json -- echo hello
