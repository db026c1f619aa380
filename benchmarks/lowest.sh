#!/usr/bin/env bash
# Run the tests on the lowest versions that pyproject.toml declares: a bound that nobody runs is a guess.
# torch is left out (older wheels pull gigabytes), and so are the tools that only check the code's looks.
#   benchmarks/lowest.sh [FOLDER FOR THE ENVIRONMENT]
set -eu
cd "$(dirname "$0")/.."
environment=${1:-$(mktemp -d)/lowest}
python -m venv "$environment"
"$environment/bin/python" - > "$environment/lowest.txt" <<'PYTHON'
import re
import tomllib

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
extras = project["optional-dependencies"]
declared = project["dependencies"] + [line for name in ("nn", "molecules", "qm9", "report", "bench", "test") for line in extras[name]]
for line in declared:
    found = re.fullmatch(r"([\w-]+)>=([\w.]+).*", line)
    if found and found[1] != "torch":
        print(f"{found[1]}=={found[2]}")
PYTHON
cat "$environment/lowest.txt"
"$environment/bin/pip" install -q -e ".[all,test]" -c "$environment/lowest.txt"
"$environment/bin/pytest" -p no:cacheprovider
