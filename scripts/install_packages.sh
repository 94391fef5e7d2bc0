#!/usr/bin/env bash
# Installs Python packages of the project into its environment, under the constraints of constraints.txt.
#
#   scripts/install_packages.sh LOG EXTRA[,EXTRA…] [--progress]
#
# Quiet, with what pip said in LOG; --progress shows each package as it comes. Where it fails, one sentence says
# what to do.
set -u
log=$1 extras=$2 progress=${3:-}
pip=(.venv/bin/pip --disable-pip-version-check install -c constraints.txt -e ".[$extras]")
if [ -n "$progress" ]; then
  "${pip[@]}" 2>&1 | tee "$log" | grep --line-buffered -E '^ *(Downloading|Using cached|Installing collected|Successfully installed|ERROR)'
  status=${PIPESTATUS[0]}
else
  "${pip[@]}" --quiet >"$log" 2>&1
  status=$?
fi
[ "$status" = 0 ] && exit 0
if grep -qiE 'connection (broken|refused|timed out)|NewConnectionError|Max retries|name resolution|CERTIFICATE_VERIFY_FAILED|Read timed out' "$log"; then
  echo "The Python package registry cannot be reached: connect this machine to the network or set pip’s index and proxy (PIP_INDEX_URL, HTTPS_PROXY), then run make again; what pip said is in $log."
elif grep -qi 'No space left' "$log"; then
  echo "The disk is full: free some space, then run make again; what pip said is in $log."
else
  tail -n 20 "$log"
  echo "The Python packages could not be installed: pip says why above; mend that, then run make again."
fi
exit 1
