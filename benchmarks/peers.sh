#!/bin/sh
# Makes the environment of peers that do not run on current NumPy: giotto-tda 0.6.2 (and giotto-ph), used as a rival only.
#   benchmarks/peers.sh [FOLDER]     by default benchmarks/.peers; needs Python 3.11 or older
set -e
folder=${1:-$(dirname "$0")/.peers}
python3 -m venv "$folder/giotto"
"$folder/giotto/bin/pip" install --quiet giotto-tda==0.6.2 "numpy<2"
"$folder/giotto/bin/python" -c "import gtda; print('giotto-tda', gtda.__version__)"
